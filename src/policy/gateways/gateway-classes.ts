import { type Gateway, gatewayClassKind, type LoadedObject } from '../../resources/index.ts';
import type { Conditions } from '../conditions.ts';
import type { Context } from '../context.ts';
import { fieldsOf, textOf } from '../routes/salvage.ts';

/** Controllers whose classes are served beside ours: existing files name them, and mean an Envoy that serves AI routes. */
const COMPATIBLE_CONTROLLERS = ['headgate.dev/gateway-controller', 'gateway.envoyproxy.io/gatewayclass-controller'];

/** Whether Gateways of this one's class are ours. A class that is missing is: files of one Gateway often lack it. */
export function isOurs(gateway: LoadedObject<Gateway> | LoadedObject, { index, report, options }: Context): boolean {
  const path = ['spec', 'gatewayClassName'];
  const name = textOf(fieldsOf(gateway.object.spec).gatewayClassName);
  if (name === undefined) return true;
  const found = index.find(gatewayClassKind, '', name);
  if (!found) {
    report.warning('HG0203', gateway, path, `no GatewayClass ${JSON.stringify(name)}; the Gateway is served as ours`, {
      hint:
        index.hint(gatewayClassKind, '', name) ?? `add a GatewayClass with controllerName ${options.controllerName}`,
    });
    return true;
  }
  const controller = controllerOf(found);
  if (controller === undefined || isOurController(controller, options.controllerName)) return true;
  report.info('HG0203', gateway, path, `GatewayClass ${JSON.stringify(name)} belongs to ${controller}; ignored`);
  return false;
}

/** Accepts the classes that are ours. */
export function acceptClasses({ index, options }: Context, conditions: Conditions): void {
  for (const loaded of index.all(gatewayClassKind)) {
    const controller = controllerOf(loaded);
    if (controller === undefined || !isOurController(controller, options.controllerName)) continue;
    const isAccepted = loaded.valid;
    conditions.add(loaded, 'Accepted', isAccepted, isAccepted ? 'Accepted' : 'InvalidParameters', '');
  }
}

function controllerOf(gatewayClass: LoadedObject): string | undefined {
  return textOf(fieldsOf(gatewayClass.object.spec).controllerName);
}

function isOurController(controller: string, own: string): boolean {
  return controller === own || COMPATIBLE_CONTROLLERS.includes(controller);
}

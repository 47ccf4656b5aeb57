import type { EndpointName, ProviderIr, ProviderSchema } from '../../ir/index.ts';
import { providerFacts } from '../../providers/index.ts';
import type { LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';

/** On an AIServiceBackend: the endpoints that it has, separated by commas, where these are not all of its schema. */
const ENDPOINTS_ANNOTATION = 'headgate.dev/endpoints';

/** The endpoints that a backend says it has. A mistake leaves all of them out, with a finding. */
export function readEndpoints(
  loaded: LoadedObject,
  schema: ProviderSchema,
  { report }: Context,
): Pick<ProviderIr, 'endpoints'> {
  const text = loaded.object.metadata.annotations?.[ENDPOINTS_ANNOTATION];
  if (text === undefined) return {};
  const names = text.split(',').flatMap((name) => name.trim() || []);
  const known = Object.keys(providerFacts(schema).paths) as EndpointName[];
  const unknown = names.find((name) => !known.some((one) => one === name));
  if (unknown === undefined && names.length > 0) return { endpoints: known.filter((name) => names.includes(name)) };
  const wrong =
    unknown === undefined ? 'names no endpoint' : `schema ${schema} has no endpoint ${JSON.stringify(unknown)}`;
  report.warning('HG0312', loaded, ['metadata', 'annotations', ENDPOINTS_ANNOTATION], wrong, {
    hint: known.length === 0 ? 'all that it serves is translated' : `there are ${known.join(', ')}`,
  });
  return {};
}

import type { CredentialOverrideIr } from '../../ir/index.ts';
import type { BackendSecurityPolicy, LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';

type OverrideFields = NonNullable<BackendSecurityPolicy['spec']['credentialOverride']>;

/** A credential that comes with the request. `usual`: where it is unless the policy says it. */
export function readOverride(
  policy: LoadedObject,
  { fromRequestHeaders, fromDynamicMetadata }: OverrideFields,
  usual: { readonly header: string; readonly key: string },
  { report }: Context,
): CredentialOverrideIr | 'invalid' | undefined {
  if (fromDynamicMetadata) {
    const { namespace, key, fallbackToConfigured } = fromDynamicMetadata;
    return { dynamicMetadata: { namespace, key: key || usual.key }, fallbackToConfigured };
  }
  if (!fromRequestHeaders) return undefined;
  const header = fromRequestHeaders.header || usual.header;
  if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(header)) {
    const path = ['spec', 'credentialOverride', 'fromRequestHeaders', 'header'];
    report.error('HG0402', policy, path, `${JSON.stringify(header)} is not the name of a header`);
    return 'invalid';
  }
  return { requestHeader: header.toLowerCase(), fallbackToConfigured: fromRequestHeaders.fallbackToConfigured };
}

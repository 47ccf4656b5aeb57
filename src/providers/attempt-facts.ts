/** How Envoy tells the processor of an attempt: names that the configuration of Envoy and the processor must agree on. */

/** Metadata namespace of what the data path knows of a request, and of clusters' facts. */
const NAMESPACE = 'headgate';

/** Where the processor's word on a translated request goes, as dynamic metadata. */
export const TRANSLATED_NAMESPACE = 'headgate.translated';
/** Key there: the fields that the provider has no word for, separated by a comma and a blank. */
export const UNSUPPORTED_KEY = 'unsupported';

/** Key of a cluster's metadata: its `ProviderIr` as JSON text. */
export const PROVIDER_KEY = 'provider';
/** Key of the dynamic metadata of an attempt: name of the endpoint, then ` refuse` where that is to be done. */
export const ATTEMPT_KEY = 'attempt';

export const PROVIDER_ATTRIBUTE = `xds.cluster_metadata.filter_metadata['${NAMESPACE}']['${PROVIDER_KEY}']`;
export const ATTEMPT_ATTRIBUTE = `metadata.filter_metadata['${NAMESPACE}']['${ATTEMPT_KEY}']`;

/** The client's header that asks for betas of Anthropic's, separated by commas. */
export const BETA_ATTRIBUTE = `request.headers['anthropic-beta']`;

/** Headers of answers that translations read: AWS tells the type of a failure and the id of an answer there alone. */
export const READ_HEADERS: readonly string[] = [':status', 'content-type', 'x-amzn-errortype', 'x-amzn-requestid'];

/** The attribute that holds a header of the answer. */
export function headerAttribute(name: string): string {
  return `response.headers['${name}']`;
}

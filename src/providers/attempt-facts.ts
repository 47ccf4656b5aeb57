/** How Envoy tells the processor of an attempt: names that the configuration of Envoy and the processor must agree on. */

/** Metadata namespace of what the data path knows of a request, and of clusters' facts. */
const NAMESPACE = 'headgate';

/** Where the processor's word on a translated request goes, as dynamic metadata. */
export const TRANSLATED_NAMESPACE = 'headgate.translated';
/** Key there: the status of an answer where it is not the provider's. */
export const STATUS_KEY = 'status';
/** Key there: the path of a request where it is not that of the facts. */
export const PATH_KEY = 'path';
/** Key there: the media type of an answer that is no stream and no JSON. */
export const CONTENT_TYPE_KEY = 'content_type';
/** Key there: the fields that the provider has no word for, separated by a comma and a blank. */
export const UNSUPPORTED_KEY = 'unsupported';

/**
 * Key there: why a request cannot be translated for a backend, where another one may be asked. As it is answered: status, a
 * blank, and the body.
 */
export const REFUSAL_KEY = 'refusal';

/** Key of a cluster's metadata on Envoys before 1.40: its `ProviderIr` as JSON text. */
export const PROVIDER_KEY = 'provider';
/**
 * Key of the dynamic metadata of an attempt: name of the endpoint, then ` stream` where one is asked for, ` refuse` where what
 * cannot be carried is to be refused, ` betas=` with the betas of Anthropic's that the client asks for, separated by commas,
 * ` else` where another backend may follow (` near else` where this one is reached without TLS), or ` copy` of a request that is
 * mirrored, and from Envoy 1.40 on a blank and the `ProviderIr` as JSON text. Empty for an attempt that is not translated.
 */
export const ATTEMPT_KEY = 'attempt';

export const PROVIDER_ATTRIBUTE = `xds.cluster_metadata.filter_metadata['${NAMESPACE}']['${PROVIDER_KEY}']`;
export const ATTEMPT_ATTRIBUTE = `metadata.filter_metadata['${NAMESPACE}']['${ATTEMPT_KEY}']`;

export const REFUSAL_ATTRIBUTE = `metadata.filter_metadata['${TRANSLATED_NAMESPACE}']['${REFUSAL_KEY}']`;
/** There where the attempt has a connection to its provider. */
export const CONNECTED_ATTRIBUTE = 'upstream.local_address';
/** Marks the answer to such a request, for which it is to be retried. */
export const REFUSED_HEADER = 'x-headgate-refused';

/** Headers of answers that translations read. */
export const READ_HEADERS: readonly string[] = [
  ':status',
  'content-type',
  'content-encoding',
  'x-amzn-errortype',
  'x-amzn-requestid',
];
/** Key of the dynamic metadata of an attempt: the values of these headers, in their order, empty where there is none. */
export const ANSWER_KEY = 'answer';
/** Between the values: a character that no header can hold. */
export const ANSWER_SEPARATOR = '\x1f';
export const ANSWER_ATTRIBUTE = `metadata.filter_metadata['${NAMESPACE}']['${ANSWER_KEY}']`;

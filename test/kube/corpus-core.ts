import type { CorpusCase } from './corpus-case.ts';

function core(kind: string, name: string, fields: object, field?: string): CorpusCase {
  const metadata = { name: 'case', ...(kind !== 'Namespace' && { namespace: 'default' }) };
  return {
    name: `${kind}: ${name}`,
    object: { apiVersion: 'v1', kind, metadata, ...fields },
    valid: field === undefined,
    ...(field !== undefined && { field }),
  };
}

export const coreCorpus: readonly CorpusCase[] = [
  core('Secret', 'empty', {}),
  core('Secret', 'API key as text', { stringData: { apiKey: 'sk-1' } }),
  core('Secret', 'API key as Base64', { data: { apiKey: 'c2stMQ==' } }),
  core('Secret', 'Base64 with line breaks', { data: { apiKey: 'c2st\nMQ==\n' } }),
  core('Secret', 'empty value', { data: { apiKey: '' } }),
  core('Secret', 'null for no bytes', {
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': null },
    stringData: { 'tls.key': null },
  }),
  core('Secret', 'certificate', { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } }),
  core('Secret', 'certificate as text', { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'a', 'tls.key': 'b' } }),
  core('Secret', 'user name alone', { type: 'kubernetes.io/basic-auth', stringData: { username: 'a' } }),
  core('Secret', "type of one's own", { type: 'example.com/a', data: { a: 'YQ==' }, immutable: true }),
  core('Secret', 'text in place of Base64', { data: { apiKey: 'sk-1' } }, 'data.apiKey'),
  core('Secret', 'Base64 without padding', { data: { apiKey: 'c2stMQ' } }, 'data.apiKey'),
  core('Secret', 'number in place of text', { stringData: { apiKey: 12345 } }, 'stringData.apiKey'),
  core('Secret', 'key with a slash', { data: { 'a/b': 'YQ==' } }, 'data'),
  core('Secret', 'key of two dots', { data: { '..': 'YQ==' } }, 'data'),
  core('Secret', 'certificate without its key', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }, ''),
  core('Secret', 'neither name nor password', { type: 'kubernetes.io/basic-auth', data: {} }, ''),
  core('ConfigMap', 'empty', {}),
  core('ConfigMap', 'text and bytes', { data: { 'ca.crt': 'a' }, binaryData: { 'ca.der': 'AAA=' } }),
  core('ConfigMap', 'number in place of text', { data: { a: 1 } }, 'data.a'),
  core('ConfigMap', 'bytes that are text', { binaryData: { a: 'not Base64' } }, 'binaryData.a'),
  core('ConfigMap', 'one key twice', { data: { a: 'b' }, binaryData: { a: 'YQ==' } }, ''),
  core('Namespace', 'alone', {}),
  core('Namespace', 'with all else', { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
];

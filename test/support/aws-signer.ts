/** Signs requests as AWS's own SDK does. */
import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

/** What signs. */
export interface SigningIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A request to be signed. Shape: `host` with its port, `path` with its query. */
export interface Signable {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** The headers of a request, its signature among them. */
export async function signAws(
  request: Signable,
  credentials: SigningIdentity,
  scope: { readonly region: string; readonly service: string; readonly date?: Date },
): Promise<Record<string, string>> {
  const signer = new SignatureV4({ credentials, region: scope.region, service: scope.service, sha256: Sha256 });
  const [path = '/', search = ''] = request.path.split('?');
  const signed = await signer.sign(
    {
      ...{ method: request.method, protocol: 'http:', hostname: request.host, path, body: request.body },
      query: Object.fromEntries(new URLSearchParams(search)),
      headers: { ...request.headers, host: request.host },
    },
    scope.date === undefined ? {} : { signingDate: scope.date },
  );
  return signed.headers;
}

/** SHA-256, plain or keyed, in the form that the signer asks for. */
class Sha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('a hash is used once');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

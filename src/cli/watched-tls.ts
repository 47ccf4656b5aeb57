/** TLS of a server as its flags have it, read again when the files change. */
import type { Logger } from '../telemetry/index.ts';
import type { TlsMaterial } from '../xds/index.ts';
import { type WatchedFiles, watchFiles } from './watched-files.ts';

export interface TlsFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
}

const NOTHING = Buffer.alloc(0);

/** Undefined without the flags. Errors: GatewayError `invalid_input` for files that cannot be used. */
export async function watchTls(
  { tlsCert, tlsKey, tlsClientCa }: TlsFlags,
  logger: Logger,
): Promise<WatchedFiles<TlsMaterial> | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const { checkTlsMaterial } = await import('../xds/index.ts');
  return watchFiles({
    paths: [tlsCert, tlsKey, ...(tlsClientCa === undefined ? [] : [tlsClientCa])],
    parse: ([cert = NOTHING, key = NOTHING, clientCa]) => {
      const material = { cert, key, ...(clientCa && { clientCa }) };
      checkTlsMaterial(material);
      return material;
    },
    logger,
  });
}

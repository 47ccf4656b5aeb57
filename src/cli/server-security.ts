import type { Logger } from '../telemetry/index.ts';
import type { TlsSource, XdsServerOptions } from '../xds/index.ts';
import { watchAdminToken } from './admin-port.ts';
import { parseAuthorization, refusalOf } from './authorization.ts';
import type { SecurityFlags } from './security-options.ts';
import { type WatchedFiles, watchFiles } from './watched-files.ts';
import { watchTls } from './watched-tls.ts';

/** What the flags come to. */
export interface ServerSecurity {
  readonly tls?: TlsSource;
  readonly authorize?: NonNullable<XdsServerOptions['authorize']>;
  /** Other rules count from now on. */
  readonly onRules?: (listener: () => void) => void;
  /** Asked for at each request. */
  readonly adminToken?: () => string;
  close(): void;
}

/** Reads what the flags name. Errors: GatewayError `invalid_input` naming the file. */
export async function openSecurity(flags: SecurityFlags, logger: Logger): Promise<ServerSecurity> {
  const { authorize } = flags;
  const open: WatchedFiles<unknown>[] = [];
  const keep = <T>(files: WatchedFiles<T>): WatchedFiles<T> => {
    open.push(files);
    return files;
  };
  const tls = await watchTls(flags, logger);
  if (tls) keep(tls);
  if (tls && flags.tlsClientCa === undefined) {
    logger.warn({}, 'without --tls-client-ca anyone who connects gets the credentials that are served');
  }
  const rules =
    authorize === undefined
      ? undefined
      : keep(
          await watchFiles({
            paths: [authorize],
            parse: ([text]) => parseAuthorization(String(text), authorize),
            logger,
          }),
        );
  const token = await watchAdminToken(flags, logger);
  if (token) keep(token);
  return {
    ...(tls && { tls }),
    ...(rules && {
      authorize: (peer, node) => refusalOf(rules.current, peer, node),
      onRules: (listener) => void rules.onChange(listener),
    }),
    ...(token && { adminToken: () => token.current }),
    close() {
      for (const files of open) files.close();
    },
  };
}

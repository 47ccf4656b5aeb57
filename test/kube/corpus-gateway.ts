import type { CorpusCase } from './corpus-case.ts';
import { coreCorpus } from './corpus-core.ts';
import { envoyGatewayCorpus } from './corpus-envoy-gateway.ts';
import { gatewayApiCorpus } from './corpus-gateway-api.ts';
import { httpRouteCorpus } from './corpus-http-route.ts';

/** Objects of the Gateway API, Envoy Gateway and core kinds, with the verdict expected on each. */
export const corpus: readonly CorpusCase[] = [
  ...gatewayApiCorpus,
  ...httpRouteCorpus,
  ...envoyGatewayCorpus,
  ...coreCorpus,
];

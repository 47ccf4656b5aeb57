import type { RouteIr } from './route.ts';

/** Header that stands for the model a request asks for. */
export const MODEL_HEADER = 'x-ai-eg-model';

/** The model of a route, if its match takes one by its exact name. */
export function modelOf({ match }: Pick<RouteIr, 'match'>): string | undefined {
  return match.headers.find(({ name, type }) => name === MODEL_HEADER && type === 'exact')?.value;
}

/**
 * Core kinds of Kubernetes that policy refers to. In: nothing. Out: their schemas and types, and the bytes their keys
 * hold. Must not know who reads them.
 */
import type { Kind } from '../kind.ts';
import { configMapKind } from './config-map.ts';
import { namespaceKind } from './namespace.ts';
import { secretKind } from './secret.ts';

export { type ConfigMap, configMapKind, configMapValue } from './config-map.ts';
export { type Namespace, namespaceKind } from './namespace.ts';
export { type Secret, secretKind, secretValue } from './secret.ts';

export const coreKinds: readonly Kind[] = [configMapKind, namespaceKind, secretKind];

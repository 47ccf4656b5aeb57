import { defineKind, type ObjectOf } from '../kind.ts';
import { bool, mapOf, object, optional, text } from '../schema.ts';
import { Base64, dataKeyRules } from './secret.ts';

export const configMapKind = defineKind({
  group: '',
  kind: 'ConfigMap',
  plural: 'configmaps',
  versions: ['v1'],
  schema: object(
    {
      data: optional(mapOf(text({ nullable: true }), { rules: dataKeyRules })),
      binaryData: optional(mapOf(Base64, { rules: dataKeyRules })),
      immutable: optional(bool()),
    },
    {
      rules: [
        {
          rule: '!has(self.data) || !has(self.binaryData) || self.data.all(key, !(key in self.binaryData))',
          message: 'a key stands in data and in binaryData',
        },
      ],
    },
  ),
});
export type ConfigMap = ObjectOf<typeof configMapKind, 'ConfigMap'>;

/** The bytes under one key of a ConfigMap. */
export function configMapValue(configMap: ConfigMap, key: string): Uint8Array | undefined {
  if (configMap.data && Object.hasOwn(configMap.data, key)) return Buffer.from(configMap.data[key] ?? '', 'utf8');
  if (configMap.binaryData && Object.hasOwn(configMap.binaryData, key)) {
    return Buffer.from(configMap.binaryData[key] ?? '', 'base64');
  }
  return undefined;
}

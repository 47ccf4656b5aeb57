/** Kubernetes' settings of a container, as far as Envoy Gateway lets them be set. */
import { bool, int64, intOrString, list, listMap, mapOf, object, optional, type Static, text } from '../schema.ts';

/** A Kubernetes quantity: `500m`, `1Gi`. */
const Quantity = intOrString({
  pattern:
    '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$',
});

const atomicMap = { 'x-kubernetes-map-type': 'atomic' } as const;

const KeyReference = object(
  { key: text(), name: text({ default: '' }), optional: optional(bool()) },
  { ...atomicMap, description: 'A key of a ConfigMap or Secret.' },
);

/** An environment variable. */
export const EnvVar = object({
  name: text({ description: 'Name of the variable.' }),
  value: optional(text({ description: 'Value of the variable.' })),
  valueFrom: optional(
    object(
      {
        configMapKeyRef: optional(KeyReference),
        fieldRef: optional(object({ apiVersion: optional(text()), fieldPath: text() }, atomicMap)),
        fileKeyRef: optional(
          object({ key: text(), optional: bool({ default: false }), path: text(), volumeName: text() }, atomicMap),
        ),
        resourceFieldRef: optional(
          object({ containerName: optional(text()), divisor: optional(Quantity), resource: text() }, atomicMap),
        ),
        secretKeyRef: optional(KeyReference),
      },
      { description: 'Where the value comes from.' },
    ),
  ),
});
export type EnvVar = Static<typeof EnvVar>;

const Profile = object({ localhostProfile: optional(text()), type: text() });

const SecurityContext = object(
  {
    allowPrivilegeEscalation: optional(bool()),
    appArmorProfile: optional(Profile),
    capabilities: optional(
      object({
        add: optional(list(text(), { 'x-kubernetes-list-type': 'atomic' })),
        drop: optional(list(text(), { 'x-kubernetes-list-type': 'atomic' })),
      }),
    ),
    privileged: optional(bool()),
    procMount: optional(text()),
    readOnlyRootFilesystem: optional(bool()),
    runAsGroup: optional(int64()),
    runAsNonRoot: optional(bool()),
    runAsUser: optional(int64()),
    seLinuxOptions: optional(
      object({ level: optional(text()), role: optional(text()), type: optional(text()), user: optional(text()) }),
    ),
    seccompProfile: optional(Profile),
    windowsOptions: optional(
      object({
        gmsaCredentialSpec: optional(text()),
        gmsaCredentialSpecName: optional(text()),
        hostProcess: optional(bool()),
        runAsUserName: optional(text()),
      }),
    ),
  },
  { description: 'Privileges of the container.' },
);

const VolumeMount = object({
  mountPath: text(),
  mountPropagation: optional(text()),
  name: text(),
  readOnly: optional(bool()),
  recursiveReadOnly: optional(text()),
  subPath: optional(text()),
  subPathExpr: optional(text()),
});

/** A container. */
export const ContainerSpec = object(
  {
    env: optional(list(EnvVar, { description: 'Environment variables.' })),
    image: optional(
      text({
        description: 'Image with its tag or digest.',
        rules: [
          {
            rule: "self.matches('^[a-zA-Z0-9._-]+(:[0-9]+)?(/[a-zA-Z0-9._/-]+)?(:[a-zA-Z0-9._-]+)?(@sha256:[a-z0-9]+)?$')",
            message: 'not an image reference such as registry/name:tag',
          },
        ],
      }),
    ),
    imageRepository: optional(
      text({
        description: 'Image without its tag.',
        rules: [
          {
            rule: "self.matches('^[a-zA-Z0-9._-]+(:[0-9]+)?[a-zA-Z0-9._/-]+$')",
            message: 'not an image repository such as registry/name, without a tag',
          },
        ],
      }),
    ),
    resources: optional(
      object(
        {
          claims: optional(listMap(['name'], object({ name: text(), request: optional(text()) }))),
          limits: optional(mapOf(Quantity)),
          requests: optional(mapOf(Quantity)),
        },
        { description: 'Resources the container gets.' },
      ),
    ),
    securityContext: optional(SecurityContext),
    volumeMounts: optional(list(VolumeMount, { description: 'Where volumes are mounted.' })),
  },
  {
    rules: [
      {
        rule: '!has(self.image) || !has(self.imageRepository)',
        message: 'image and imageRepository exclude each other',
      },
    ],
  },
);
export type ContainerSpec = Static<typeof ContainerSpec>;

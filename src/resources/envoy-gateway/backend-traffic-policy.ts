import { clusterSettingsFields, clusterSettingsRule } from '../common/cluster-settings.ts';
import { LabelSelector, LabelSelectorRequirement } from '../common/labels.ts';
import { PolicyTargetReference } from '../common/references.ts';
import { ApiGroup, ApiKind, ByteQuantity } from '../common/scalars.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { bool, choice, freeForm, list, mapOf, object, optional, type Static, text, variant } from '../schema.ts';
import { RateLimit } from './rate-limit.ts';
import { ResponseOverride } from './response-override.ts';
import { BackendTelemetry } from './telemetry.ts';
import { AdmissionControl, BandwidthLimit, Compression, FaultInjection } from './traffic-shaping.ts';

/** Selects targets by their labels. */
export const TargetSelector = object(
  {
    group: variant(ApiGroup, { default: 'gateway.networking.k8s.io' }),
    kind: ApiKind,
    matchExpressions: optional(list(LabelSelectorRequirement, { 'x-kubernetes-list-type': 'atomic' })),
    matchLabels: optional(mapOf(text())),
    namespaces: optional(
      object(
        { from: choice(['Same', 'All', 'Selector'], { default: 'Same' }), selector: optional(LabelSelector) },
        { rules: [{ rule: "self.from != 'Selector' || has(self.selector)", message: 'from Selector needs selector' }] },
      ),
    ),
  },
  {
    rules: [
      {
        rule: "has(self.group) ? self.group == 'gateway.networking.k8s.io' : true",
        message: 'group can only be gateway.networking.k8s.io',
      },
    ],
  },
);
export type TargetSelector = Static<typeof TargetSelector>;

/** How traffic to backends is treated. */
export const BackendTrafficPolicySpec = object(
  {
    ...clusterSettingsFields,
    admissionControl: optional(AdmissionControl),
    bandwidthLimit: optional(BandwidthLimit),
    compression: optional(list(Compression)),
    compressor: optional(list(Compression)),
    faultInjection: optional(FaultInjection),
    httpUpgrade: optional(
      list(
        object(
          { connect: optional(object({ terminate: optional(bool()) })), type: text() },
          {
            rules: [
              { rule: "!has(self.connect) || self.type == 'CONNECT'", message: 'connect belongs to type CONNECT' },
            ],
          },
        ),
      ),
    ),
    mergeType: optional(text({ rules: [{ rule: "self != 'Replace'", message: 'Replace cannot be used here' }] })),
    rateLimit: optional(RateLimit),
    requestBuffer: optional(object({ limit: optional(ByteQuantity) })),
    responseOverride: optional(list(ResponseOverride)),
    routingType: optional(text()),
    targetRef: optional(PolicyTargetReference),
    targetRefs: optional(list(PolicyTargetReference)),
    targetSelectors: optional(list(TargetSelector)),
    telemetry: optional(BackendTelemetry),
    useClientProtocol: optional(bool()),
  },
  {
    rules: [
      {
        rule: '(has(self.targetRef) && !has(self.targetRefs)) || (!has(self.targetRef) && has(self.targetRefs)) || (has(self.targetSelectors) && self.targetSelectors.size() > 0)',
        message: 'one of targetRef, targetRefs and targetSelectors is needed',
      },
      {
        rule: "has(self.targetRef) ? self.targetRef.group == 'gateway.networking.k8s.io' : true",
        message: 'the group of targetRef can only be gateway.networking.k8s.io',
      },
      {
        rule: "has(self.targetRef) ? self.targetRef.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute', 'UDPRoute', 'TCPRoute', 'TLSRoute'] : true",
        message: 'the kind of targetRef can only be Gateway or a route',
      },
      {
        rule: "has(self.targetRefs) ? self.targetRefs.all(ref, ref.group == 'gateway.networking.k8s.io') : true",
        message: 'the group in targetRefs can only be gateway.networking.k8s.io',
      },
      {
        rule: "has(self.targetRefs) ? self.targetRefs.all(ref, ref.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute', 'UDPRoute', 'TCPRoute', 'TLSRoute']) : true",
        message: 'the kind in targetRefs can only be Gateway or a route',
      },
      {
        rule: '!has(self.compression) || !has(self.compressor)',
        message: 'compression and compressor exclude each other',
      },
      {
        rule: '!has(self.requestBuffer) || !has(self.httpUpgrade) || self.httpUpgrade.size() == 0',
        message: 'requestBuffer and httpUpgrade exclude each other',
      },
      {
        rule: "!has(self.admissionControl) || ((!has(self.targetRef) || self.targetRef.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute']) && (!has(self.targetRefs) || self.targetRefs.all(ref, ref.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute'])) && (!has(self.targetSelectors) || self.targetSelectors.all(sel, sel.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute'])))",
        message: 'admissionControl needs targets of kind Gateway, HTTPRoute or GRPCRoute',
      },
      clusterSettingsRule,
    ],
  },
);
export type BackendTrafficPolicySpec = Static<typeof BackendTrafficPolicySpec>;

export const backendTrafficPolicyKind = defineKind({
  group: 'gateway.envoyproxy.io',
  kind: 'BackendTrafficPolicy',
  plural: 'backendtrafficpolicies',
  versions: ['v1alpha1'],
  schema: object({ spec: BackendTrafficPolicySpec, status: optional(freeForm()) }),
});
export type BackendTrafficPolicy = ObjectOf<typeof backendTrafficPolicyKind, 'BackendTrafficPolicy'>;

import { ByteQuantity, Duration, HttpStatus, Percent } from '../common/scalars.ts';
import { choice, int32, list, number, object, optional, type Static, text } from '../schema.ts';

/** Rejects requests when backends fail too often. */
export const AdmissionControl = object(
  {
    maxRejectionPercent: optional(Percent),
    minRequestRate: optional(int32({ minimum: 0 })),
    minSuccessRate: optional(int32({ maximum: 100, minimum: 1 })),
    rejectionAggression: optional(int32({ minimum: 1 })),
    samplingWindow: optional(Duration),
    successCriteria: optional(
      object({
        grpc: optional(
          object({
            statusCodes: optional(
              list(
                choice([
                  'Ok',
                  'Cancelled',
                  'Unknown',
                  'InvalidArgument',
                  'DeadlineExceeded',
                  'NotFound',
                  'AlreadyExists',
                  'PermissionDenied',
                  'ResourceExhausted',
                  'FailedPrecondition',
                  'Aborted',
                  'OutOfRange',
                  'Unimplemented',
                  'Internal',
                  'Unavailable',
                  'DataLoss',
                  'Unauthenticated',
                ]),
              ),
            ),
          }),
        ),
        http: optional(object({ statusCodes: optional(list(HttpStatus)) })),
      }),
    ),
  },
  {
    rules: [
      {
        rule: '!has(self.minSuccessRate) || (self.minSuccessRate >= 1 && self.minSuccessRate <= 100)',
        message: 'minSuccessRate is not between 1 and 100',
      },
      {
        rule: '!has(self.maxRejectionPercent) || (self.maxRejectionPercent >= 0 && self.maxRejectionPercent <= 100)',
        message: 'maxRejectionPercent is not between 0 and 100',
      },
      {
        rule: "!has(self.samplingWindow) || duration(self.samplingWindow) >= duration('1s')",
        message: 'samplingWindow is shorter than 1s',
      },
    ],
  },
);
export type AdmissionControl = Static<typeof AdmissionControl>;

/** Bytes in a unit of time. */
export const BandwidthLimitRate = object({ unit: choice(['Second', 'Minute', 'Hour']), value: ByteQuantity });
export type BandwidthLimitRate = Static<typeof BandwidthLimitRate>;

/** Limits on bytes a second, minute or hour. */
export const BandwidthLimit = object(
  {
    request: optional(object({ limit: BandwidthLimitRate })),
    response: optional(
      object({
        limit: BandwidthLimitRate,
        responseTrailers: optional(object({ prefix: optional(text({ pattern: '^[^\\r\\n\\x00]*$' })) })),
      }),
    ),
  },
  { rules: [{ rule: 'has(self.request) || has(self.response)', message: 'one of request and response is needed' }] },
);
export type BandwidthLimit = Static<typeof BandwidthLimit>;

/** Delays or aborts a share of the requests. */
export const FaultInjection = object(
  {
    abort: optional(
      object(
        {
          grpcStatus: optional(int32({ maximum: 16, minimum: 0 })),
          httpStatus: optional(int32({ maximum: 600, minimum: 200 })),
          percentage: number({ default: 100 }),
        },
        {
          rules: [
            {
              rule: '!(has(self.httpStatus) && has(self.grpcStatus))',
              message: 'httpStatus and grpcStatus exclude each other',
            },
            {
              rule: 'has(self.httpStatus) || has(self.grpcStatus)',
              message: 'one of httpStatus and grpcStatus is needed',
            },
          ],
        },
      ),
    ),
    delay: optional(object({ fixedDelay: Duration, percentage: number({ default: 100 }) })),
  },
  { rules: [{ rule: 'has(self.delay) || has(self.abort)', message: 'one of delay and abort is needed' }] },
);
export type FaultInjection = Static<typeof FaultInjection>;

/** A compression of responses. */
export const Compression = object({
  brotli: optional(object({})),
  gzip: optional(object({})),
  minContentLength: optional(ByteQuantity),
  type: choice(['Gzip', 'Brotli', 'Zstd']),
  zstd: optional(object({})),
});
export type Compression = Static<typeof Compression>;

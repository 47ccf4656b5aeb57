/**
 * The telemetry room.
 * In: what the other rooms have to say of themselves.
 * Out: log lines on standard error, with credentials taken out, and metrics as Prometheus text.
 * Must not know: what any room does.
 */
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  redactText,
  silentLogger,
} from './logger.ts';
export { createMetrics, type Metrics, type MetricsReading } from './metrics.ts';

/**
 * The admin room. In: a view of the control plane, given as functions. Out: HTTP on the admin address: health, metrics,
 * status and the configuration a proxy has. Must not know: how anything of it comes about. It only reads, and nothing
 * it shows holds a secret.
 */
export {
  type AdminServer,
  type AdminView,
  createAdminServer,
  type DumpRequest,
  type ReadinessCheck,
} from './server.ts';

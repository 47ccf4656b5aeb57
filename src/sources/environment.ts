/** Environment variables, always handed in. */
export type Environment = Readonly<Record<string, string | undefined>>;

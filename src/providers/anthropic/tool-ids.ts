/** Ids of calls as Anthropic and Bedrock take them: other providers put dots and colons into theirs. */
export function plainId(id: string): string {
  return /^[a-zA-Z0-9_-]*$/.test(id) ? id : id.replace(/[^a-zA-Z0-9_-]/g, '_');
}

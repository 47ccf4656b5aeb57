/** Text as a Lua string literal in plain ASCII: whatever is not surely harmless becomes a decimal byte escape. */
export function luaString(text: string): string {
  let out = '"';
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte);
    out += /[A-Za-z0-9 ._\-/:,;=+*@#|<>()]/.test(char) ? char : `\\${String(byte).padStart(3, '0')}`;
  }
  return `${out}"`;
}

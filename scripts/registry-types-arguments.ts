/** How kysely-codegen is called; the test that looks whether its file is current adds `--verify`. */
export function registryTypesArguments(url: string): string[] {
  return [
    '--dialect=postgres',
    '--camel-case',
    '--default-schema=public',
    '--exclude-pattern=kysely_*',
    '--type-mapping={"int8":"number"}',
    '--out-file=src/registry/tables.generated.ts',
    `--url=${url}`,
  ];
}

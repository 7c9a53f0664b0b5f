import { expect, it } from 'vitest';
import { planRestore, type Run } from '../../src/databases/template-lanes.ts';

const list = `;
; Archive created at 2026-01-01
;     dbname: source
;
6; 2615 16385 SCHEMA - sales postgres
2; 3079 16386 EXTENSION - postgres_fdw 
3600; 0 0 COMMENT - EXTENSION postgres_fdw 
3601; 0 0 COMMENT - SCHEMA public pg_database_owner
900; 1247 16400 TYPE sales stage postgres
200; 1259 16401 TABLE sales company postgres
3602; 0 0 COMMENT sales TABLE company postgres
901; 2616 16500 OPERATOR CLASS sales reverse_ops postgres
3603; 0 0 COMMENT sales OPERATOR CLASS reverse_ops postgres
902; 2328 16510 FOREIGN DATA WRAPPER - evil postgres
903; 1417 16511 SERVER - elsewhere postgres
3604; 0 0 USER MAPPING - USER MAPPING postgres SERVER elsewhere postgres
201; 1259 16402 TABLE public EXTENSION postgres
904; 6104 16520 PUBLICATION - contacts postgres
905; 6106 16521 PUBLICATION TABLE public contacts contact postgres
906; 6100 16522 SUBSCRIPTION - copy postgres
3605; 0 0 ACL sales TABLE company postgres
3606; 826 16530 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres
3607; 0 0 SECURITY LABEL public TABLE contact postgres
907; 3466 16540 EVENT TRIGGER - note_ddl postgres
3608; 0 0 COMMENT - EVENT TRIGGER note_ddl postgres
908; 3466 16541 EVENT TRIGGER - grab_ddl postgres
3609; 0 0 COMMENT - EVENT TRIGGER grab_ddl postgres
909; 2606 16550 CONSTRAINT sales company company_pkey postgres
`;

const shape = (runs: readonly Run[]) =>
  runs.map(({ lane, entries }) => [lane, ...entries.map(({ id }) => id)]);

it('gives the platform only what nobody else can make, and event triggers last', () => {
  const plan = planRestore(list, [
    { oid: 16510, label: 'FOREIGN DATA WRAPPER evil' },
    { oid: 16541, label: 'EVENT TRIGGER grab_ddl' },
  ]);
  expect(shape(plan.schemas)).toEqual([['builder', 6]]);
  expect(shape(plan.wrappers)).toEqual([['platform', 903]]);
  expect(shape(plan.objects)).toEqual([
    ['platform', 3601],
    ['builder', 900, 200, 3602],
    ['platform', 901, 3603],
    ['builder', 201],
    ['platform', 904, 905],
    ['builder', 909],
  ]);
  expect(shape(plan.eventTriggers)).toEqual([['eventTrigger', 907, 3608]]);
});

it('lets no name bring an object into the platform’s lane', () => {
  const hostile = `1; 1255 20000 FUNCTION public SERVER - x() postgres
2; 1259 20001 INDEX OPERATOR CLASS x postgres
3; 0 0 MATERIALIZED VIEW DATA public PUBLICATION - x postgres
4; 1259 20002 TABLE DATA COMMENT - SERVER x postgres`;
  expect(shape(planRestore(hostile, []).objects)).toEqual([['builder', 1, 2, 3, 4]]);
});

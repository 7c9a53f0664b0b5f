import { LRUCache } from 'lru-cache';
import type { TenantKey } from '../registry/repositories/tenant-routing.ts';
import type { ResolvedTenant } from './resolved-tenant.ts';

export type TenantMemoryOptions = {
  /** Absolute: reading an entry does not prolong it. The bound on staleness when messages are lost. */
  readonly ttlMs: number;
  /** Shorter, so that a guessed name does not hide the tenant that takes it; absorbs floods of one name. */
  readonly absentTtlMs: number;
  readonly maxTenants: number;
};

export type Recollection = { readonly tenant: ResolvedTenant | undefined };

const absence: Recollection = { tenant: undefined };

/** Tenants by id and by slug, and for a moment the names that nobody has. */
export class TenantMemory {
  readonly #byId: LRUCache<string, Recollection>;
  readonly #bySlug: LRUCache<string, Recollection>;
  /** Apart from the tenants: a flood of invented names must not push them out. */
  readonly #absent: LRUCache<string, Recollection>;

  constructor({ ttlMs, absentTtlMs, maxTenants }: TenantMemoryOptions) {
    this.#byId = new LRUCache({ max: maxTenants, ttl: ttlMs });
    this.#bySlug = new LRUCache({ max: maxTenants, ttl: ttlMs });
    this.#absent = new LRUCache({ max: maxTenants, ttl: absentTtlMs });
  }

  get size(): number {
    return this.#byId.size;
  }

  recall(key: TenantKey): Recollection | undefined {
    return (
      ('id' in key ? this.#byId.get(key.id) : this.#recallSlug(key.slug)) ?? this.#absent.get(nameOf(key))
    );
  }

  remember(key: TenantKey, tenant: ResolvedTenant | undefined): void {
    if (tenant === undefined) {
      this.#absent.set(nameOf(key), absence);
      return;
    }
    const entry = { tenant };
    this.#byId.set(tenant.id, entry);
    this.#bySlug.set(tenant.slug, entry);
  }

  forget(key: TenantKey): void {
    this.#absent.delete(nameOf(key));
    if ('id' in key) this.#byId.delete(key.id);
    else this.#bySlug.delete(key.slug);
  }

  clear(): void {
    this.#byId.clear();
    this.#bySlug.clear();
    this.#absent.clear();
  }

  /** A renamed tenant is forgotten by its new slug; the entry of its old one is then not the one by its id. */
  #recallSlug(slug: string): Recollection | undefined {
    const entry = this.#bySlug.get(slug);
    return entry?.tenant && this.#byId.get(entry.tenant.id) === entry ? entry : undefined;
  }
}

export const nameOf = (key: TenantKey): string => ('id' in key ? `id:${key.id}` : `slug:${key.slug}`);

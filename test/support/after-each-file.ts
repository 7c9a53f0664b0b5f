import { afterAll } from 'vitest';
import { dropLeftDatabases } from './left-databases.ts';

// Comes after the hooks of the file itself: those of the end run last-in first-out.
afterAll(dropLeftDatabases, 120_000);

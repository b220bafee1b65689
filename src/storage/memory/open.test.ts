import { storeConformance } from '../store.conformance.ts';
import { openMemoryStore } from './open.ts';

storeConformance('memory', async (options) => ({ store: openMemoryStore(options) }));

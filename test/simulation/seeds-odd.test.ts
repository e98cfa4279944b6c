import { testHalfOfSeeds } from './half-of-seeds.ts'

testHalfOfSeeds('odd')

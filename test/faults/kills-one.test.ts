import { testHalfOfKills } from '../support/faults-kills.ts'

testHalfOfKills()

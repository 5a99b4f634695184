// The official PDS, for tests: on this machine only, set up by PDS_* variables; says on stdout when it listens.
import net from 'node:net'
import { PDS, envToCfg, envToSecrets, readEnv } from '@atproto/pds'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...given) {
  if (typeof given[0] === 'number' && typeof given[1] !== 'string') given.splice(1, 0, '127.0.0.1')
  else if (given[0] && typeof given[0] === 'object' && 'port' in given[0]) given[0] = { ...given[0], host: '127.0.0.1' }
  return listen.apply(this, given)
}

const env = readEnv()
const pds = await PDS.create(envToCfg(env), envToSecrets(env))
await pds.start()
console.log('listening')

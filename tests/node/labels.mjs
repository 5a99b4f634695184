// Follows the labeler's stream and checks each label's signature. argv[3] is the labeler's DID, argv[4] how many come.
import { Subscription } from '@atproto/xrpc-server'
import { verifySignature } from '@atproto/crypto'
import { cborEncode } from '@atproto/common'
import { AtpAgent } from '@atproto/api'
import { getDidKeyFromMultibase, getKey } from '@atproto/identity'
import { resolver, tell, url } from './people.mjs'

const [did, many] = [process.argv[3], Number(process.argv[4])]
const document = await resolver.did.resolve(did)
const entry = document.verificationMethod.find((method) => method.id.endsWith('#atproto_label'))
const key = getDidKeyFromMultibase({ type: entry.type, publicKeyMultibase: entry.publicKeyMultibase })

async function checked({ sig, ...fields }) {
  if (!(await verifySignature(key, cborEncode(fields), sig))) throw new Error(`not signed: ${JSON.stringify(fields)}`)
  return fields
}

const over = new AbortController()
const stream = new Subscription({
  service: url.replace('http', 'ws'),
  method: 'com.atproto.label.subscribeLabels',
  signal: over.signal,
  validate: (value) => value,
  getParams: () => ({ cursor: 0 }),
})
const heard = []
for await (const message of stream) {
  for (const label of message.labels) heard.push(await checked(label))
  if (heard.length >= many) break
}
over.abort()
const agent = new AtpAgent({ service: url })
const { labels } = (await agent.com.atproto.label.queryLabels({ uriPatterns: ['*'] })).data
const held = await Promise.all(labels.map(checked))
tell({ heard, held })
process.exit(0)

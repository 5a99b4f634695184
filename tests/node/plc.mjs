// The official did:plc library against a directory: { url, keys: [higher, lower] in hex }.
import { Secp256k1Keypair } from '@atproto/crypto'
import plc from '@did-plc/lib'

const { url, keys } = JSON.parse(process.argv[2])
const [higher, lower] = await Promise.all(keys.map((hex) => Secp256k1Keypair.import(Buffer.from(hex, 'hex'))))
const client = new plc.Client(url)
const handles = []

const did = await client.createDid({
  signingKey: lower.did(),
  handle: 'alice.example',
  pds: 'https://pds.example',
  rotationKeys: [higher.did(), lower.did()],
  signer: lower,
})
const note = async () => handles.push((await client.getDocumentData(did)).alsoKnownAs[0])
await note()

const first = await client.getLastOp(did)
await client.updateHandle(did, lower, 'alice2.example')
await note()
const renamed = await client.getLastOp(did)
await client.updatePds(did, lower, 'https://elsewhere.example')

// The higher key takes back the move by forking before it.
const recovery = await plc.updateHandleOp(renamed, higher, 'recovered.example')
await client.sendOperation(did, recovery)
await note()

let refused = {}
try {
  await client.sendOperation(did, await plc.updateHandleOp(first, lower, 'thief.example'))
} catch (error) {
  refused = { status: error.status, hasMessage: typeof error.data?.message === 'string' }
}

await client.tombstone(did, lower)
await plc.validateOperationLog(did, await client.getOperationLog(did))
const auditable = await client.getAuditableLog(did)
if (auditable.length !== 5) throw new Error(`${auditable.length} entries`)

let unknown
try {
  await client.getDocument('did:plc:' + 'z'.repeat(24))
} catch (error) {
  unknown = error.status
}
console.log(JSON.stringify({ did, handles, refused, unknown }))

// Exports of a repository under the official verifier: signature, tree, every record; proofs of presence and absence.
import assert from 'node:assert/strict'
import { MemoryBlockstore, Repo, readCarWithRoot, verifyDiffCar, verifyProofs, verifyRecords, verifyRepoCar } from '@atproto/repo'
import { apply, join, post, resolver, tell, write } from './people.mjs'

const POST = 'app.bsky.feed.post'
const FOLLOW = 'app.bsky.graph.follow'
const agent = await join()
const { did } = agent
const { sync } = agent.com.atproto

const empty = await verifyRepoCar(await getRepo(), did, await key())
assert.deepEqual(empty.creates, [])

for (let n = 0; n < 3; n++) {
  const writes = Array.from({ length: 60 }, (_, i) => write.create(POST, post(`${n} ${i}`)))
  await apply(agent, ...writes)
}
for (let n = 0; n < 20; n++) await agent.follow(`did:plc:${'abcdefghijklmnopqrst'[n].repeat(24)}`)
await agent.upsertProfile(() => ({ displayName: 'Every kind' }))
const posts = (await list(POST)).map((record) => record.uri.split('/').pop())
await apply(agent, ...posts.slice(0, 40).map((rkey) => write.delete(POST, rkey)))

const car = await getRepo()
const verified = await verifyRepoCar(car, did, await key())
const there = [...(await list(POST)), ...(await list(FOLLOW)), ...(await list('app.bsky.actor.profile'))]
assert.deepEqual(
  verified.creates.map((claim) => [`at://${did}/${claim.collection}/${claim.rkey}`, String(claim.cid)]).sort(),
  there.map((record) => [record.uri, record.cid]).sort(),
)
const latest = (await sync.getLatestCommit({ did })).data
assert.deepEqual([latest.cid, latest.rev], [String((await readCarWithRoot(car)).root), verified.commit.rev])

// Proofs: every fifth record is there, and what was deleted or never was is not.
for (const claim of verified.creates.filter((_, n) => n % 5 === 0)) {
  const proof = (await sync.getRecord({ did, collection: claim.collection, rkey: claim.rkey })).data
  const claims = [{ collection: claim.collection, rkey: claim.rkey, cid: claim.cid }]
  assert.equal((await verifyProofs(proof, claims, did, await key())).verified.length, 1)
  const lie = [{ ...claims[0], cid: null }]
  assert.equal((await verifyProofs(proof, lie, did, await key())).verified.length, 0)
  const shown = await verifyRecords(proof, did, await key())
  assert.ok(shown.some((record) => record.rkey === claim.rkey))
}
for (const [collection, rkey] of [[POST, posts[0]], [POST, posts[39]], [POST, 'never'], ['aaa.aaa.aaa', 'x'], ['zzz.zzz.zzz', 'x']]) {
  const proof = (await sync.getRecord({ did, collection, rkey })).data
  const result = await verifyProofs(proof, [{ collection, rkey, cid: null }], did, await key())
  assert.equal(result.verified.length, 1, `the absence of ${collection}/${rkey} is not proven`)
}

// What came after a revision, on top of what was there at that revision.
const storage = new MemoryBlockstore((await readCarWithRoot(car)).blocks)
const before = await Repo.load(storage, (await readCarWithRoot(car)).root)
assert.deepEqual([before.commit.version, before.commit.prev], [3, null])
const added = await agent.post({ text: 'after the export' })
await agent.deletePost(`at://${did}/${POST}/${posts[50]}`)
const diff = await verifyDiffCar(before, await getRepo(latest.rev), did, await key())
assert.deepEqual(
  diff.writes.map((one) => [one.action, one.rkey]).sort(),
  [['create', added.uri.split('/').pop()], ['delete', posts[50]]].sort(),
)

// Single blocks, and a key that is not the account's.
const cids = [latest.cid, there[0].cid, there[1].cid]
await assert.rejects(sync.getBlocks({ did, cids }), { error: 'BlockNotFound' }) // that commit is no more
const now = (await sync.getLatestCommit({ did })).data.cid
const blocks = (await sync.getBlocks({ did, cids: [now, there[0].cid] })).data
assert.ok(blocks.length > 100)
await assert.rejects(verifyRepoCar(car, did, (await resolver.did.resolveAtprotoKey((await join()).did))))

tell({ records: verified.creates.length })

async function getRepo(since) {
  return (await sync.getRepo({ did, since })).data
}

async function key() {
  return resolver.did.resolveAtprotoKey(did)
}

async function list(collection) {
  const found = []
  for (let cursor; ; ) {
    const page = await agent.com.atproto.repo.listRecords({ repo: did, collection, limit: 100, cursor })
    found.push(...page.data.records)
    cursor = page.data.cursor
    if (!cursor) return found
  }
}

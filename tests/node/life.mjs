// One evening of two people with the official client: joining, posting in every form, reading, reacting, leaving.
import assert from 'node:assert/strict'
import { AtpAgent, RichText } from '@atproto/api'
import { indexed, join, tell, url } from './people.mjs'

const [alice, bob] = [await join(), await join()]
const word = alice.session.handle.split('.')[0] // a word that nobody else says

// Who I am.
const server = await alice.com.atproto.server.describeServer()
assert.deepEqual(server.data.availableUserDomains, ['.test'])
assert.equal((await alice.resolveHandle({ handle: bob.session.handle })).data.did, bob.did)
const face = await alice.uploadBlob(pixel(), { encoding: 'image/png' })
await alice.upsertProfile(() => ({ displayName: 'Alice of the evening', description: `A ${word}`, avatar: face.data.blob }))
await indexed()
const profile = (await bob.getProfile({ actor: alice.session.handle })).data
assert.equal(profile.displayName, 'Alice of the evening')
assert.match(profile.avatar, /^http/)
assert.equal((await fetch(profile.avatar)).headers.get('content-type').split('/')[0], 'image')

// Following, and a first post with a mention, a link and a tag: it is in the follower's home at once.
const follow = await bob.follow(alice.did)
const rich = new RichText({ text: `Hello @${bob.session.handle}, see https://example.com #${word}` })
await rich.detectFacets(alice)
assert.equal(rich.facets.length, 3)
const hello = await alice.post({ text: rich.text, facets: rich.facets, langs: ['en'] })
await indexed()
const home = await bob.getTimeline()
assert.equal(home.data.feed[0].post.uri, hello.uri)
assert.equal(home.data.feed[0].post.record.facets.length, 3)

// A picture, a quote of it, a reply, and a reply to that.
const picture = await alice.uploadBlob(pixel(), { encoding: 'image/png' })
const images = { $type: 'app.bsky.embed.images', images: [{ image: picture.data.blob, alt: 'one pixel' }] }
const shown = await alice.post({ text: `a picture, ${word}`, embed: images })
const quote = await bob.post({ text: 'look', embed: { $type: 'app.bsky.embed.record', record: shown } })
const reply = await bob.post({ text: 'nice', reply: { root: shown, parent: shown } })
const answer = await alice.post({ text: 'thanks', reply: { root: shown, parent: reply } })
await indexed()
const thread = (await alice.getPostThread({ uri: reply.uri })).data.thread
assert.equal(thread.parent.post.uri, shown.uri)
assert.equal(thread.replies[0].post.uri, answer.uri)
assert.equal(thread.parent.post.embed.images[0].alt, 'one pixel')
const flat = await alice.app.bsky.unspecced.getPostThreadV2({ anchor: shown.uri })
assert.deepEqual(flat.data.thread.map((item) => item.uri).sort(), [shown.uri, reply.uri, answer.uri].sort())
assert.equal((await alice.app.bsky.feed.getQuotes({ uri: shown.uri })).data.posts[0].uri, quote.uri)

// Likes and reposts, counted and undone.
const like = await bob.like(shown.uri, shown.cid)
const repost = await bob.repost(shown.uri, shown.cid)
const liked = (await bob.getPosts({ uris: [shown.uri] })).data.posts[0]
assert.deepEqual([liked.likeCount, liked.repostCount, liked.replyCount, liked.quoteCount], [1, 1, 1, 1])
assert.deepEqual([liked.viewer.like, liked.viewer.repost], [like.uri, repost.uri])
await indexed()
assert.equal((await alice.getLikes({ uri: shown.uri })).data.likes[0].actor.did, bob.did)
assert.equal((await alice.getRepostedBy({ uri: shown.uri })).data.repostedBy[0].did, bob.did)
await indexed()
const echoes = (await alice.getAuthorFeed({ actor: bob.did })).data.feed.filter((item) => item.reason)
assert.equal(echoes[0].post.uri, shown.uri)
await bob.deleteLike(like.uri)
await bob.deleteRepost(repost.uri)
const unliked = (await bob.getPosts({ uris: [shown.uri] })).data.posts[0]
assert.deepEqual([unliked.likeCount, unliked.repostCount, unliked.viewer.like], [0, 0, undefined])

// What came to Alice, read once.
await indexed()
const notices = (await alice.listNotifications()).data.notifications
const reasons = notices.map((notice) => notice.reason)
for (const reason of ['follow', 'quote', 'reply']) assert.ok(reasons.includes(reason), reason)
assert.equal((await alice.countUnreadNotifications()).data.count, notices.length)
await alice.updateSeenNotifications()
assert.equal((await alice.countUnreadNotifications()).data.count, 0)
await indexed()
assert.ok((await bob.listNotifications()).data.notifications.some((notice) => notice.reason === 'mention'))

// Found again.
await indexed()
const found = await bob.app.bsky.feed.searchPosts({ q: word })
assert.ok(found.data.posts.some((post) => post.uri === shown.uri))
const people = await bob.searchActorsTypeahead({ q: word.slice(0, 6) })
assert.equal(people.data.actors[0].did, alice.did)
assert.equal((await alice.getFollowers({ actor: alice.did })).data.followers[0].did, bob.did)
assert.equal((await alice.getFollows({ actor: bob.did })).data.follows[0].did, alice.did)

// For oneself: preferences and mutes.
await alice.setAdultContentEnabled(true)
await alice.addMutedWord({ value: 'spoiler', targets: ['content'], actorTarget: 'all' })
const preferences = await alice.getPreferences()
assert.equal(preferences.moderationPrefs.adultContentEnabled, true)
assert.equal(preferences.moderationPrefs.mutedWords[0].value, 'spoiler')
await alice.mute(bob.did)
assert.equal((await alice.getProfile({ actor: bob.did })).data.viewer.muted, true)
assert.deepEqual((await alice.app.bsky.graph.getMutes()).data.mutes.map((actor) => actor.did), [bob.did])
await alice.unmute(bob.did)

// Another device: a stored session, refreshed; signed out, it is over.
const phone = new AtpAgent({ service: url })
await phone.login({ identifier: alice.session.handle, password: 'correct horse battery' })
const stored = { ...phone.session }
await new AtpAgent({ service: url }).resumeSession(stored)
await phone.sessionManager.refreshSession()
assert.notEqual(phone.session.refreshJwt, stored.refreshJwt)
assert.equal((await phone.com.atproto.server.getSession()).data.did, alice.did)
const { refreshJwt } = phone.session
await phone.logout()
const headers = { authorization: `Bearer ${refreshJwt}` }
await assert.rejects(phone.com.atproto.server.refreshSession(undefined, { headers }), { error: 'ExpiredToken' })

// Gone again.
await alice.deletePost(hello.uri)
await bob.deleteFollow(follow.uri)
await indexed()
assert.deepEqual((await bob.getPosts({ uris: [hello.uri] })).data.posts, [])
assert.equal((await bob.getProfile({ actor: alice.did })).data.followersCount, 0)
await assert.rejects(bob.com.atproto.repo.getRecord({ repo: alice.did, collection: 'app.bsky.feed.post', rkey: hello.uri.split('/').pop() }), { error: 'RecordNotFound' })

tell({ alice: alice.did, bob: bob.did })

// A PNG of one pixel.
function pixel() {
  return Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
}

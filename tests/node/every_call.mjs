// Every call of app.bsky, made by the official client in a community that lives. argv[3]: what the test knows of it.
import assert from 'node:assert/strict'
import { AtpAgent } from '@atproto/api'
import { every, inPages, mustRefuse, Noting, refusals } from './noting.mjs'
import { apply, indexed, join, tell, url, write } from './people.mjs'

const { answered, members, refused, visitor, password, services } = JSON.parse(process.argv[3])
const DISCOVER = 'at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/whats-hot'
const NOBODY = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const now = () => new Date().toISOString()
const uris = (things) => things.map(({ uri }) => uri)
const dids = (people) => people.map(({ did }) => did)
const texts = (posts) => posts.map(({ record }) => record.text)

// -- a member of the community, and some who join ---------------------------------------------------------------------

const me = new AtpAgent({ service: url })
await me.login({ identifier: visitor, password })
const [alice, bob, carol, blocked, blocker] = [await join(), await join(), await join(), await join(), await join()]
const word = alice.session.handle.split('.')[0] // a word that nobody else says
const noting = new Noting(me)
const { actor, ageassurance, bookmark, draft, feed, graph, labeler, notification, unspecced } = me.app.bsky
const create = async (agent, collection, value, rkey) => {
  const { data } = await apply(agent, write.create(`app.bsky.${collection}`, { createdAt: now(), ...value }, rkey))
  return data.results[0].uri
}

const tag = (n) => [{ index: { byteStart: n, byteEnd: n + 1 + word.length }, features: [{ $type: 'app.bsky.richtext.facet#tag', tag: word }] }]
const said = (text, more) => ({ text: `${text} #${word}`, facets: tag(text.length + 1), langs: ['en'], ...more })
await alice.upsertProfile(() => ({ displayName: `Alice ${word}`, description: 'I bake bread.' }))
const hello = await alice.post(said('Good morning'))
const answer = await bob.post(said('And to you', { reply: { root: hello, parent: hello } }))
const rude = await carol.post(said('No', { reply: { root: hello, parent: hello } }))
const quote = await bob.post(said('Hear, hear', { embed: { $type: 'app.bsky.embed.record', record: hello } }))
const link = { $type: 'app.bsky.embed.external', external: { uri: 'https://example.com/bread', title: 'Bread', description: '' } }
const linked = await alice.post({ text: `look, @${visitor}`, embed: link, facets: [{ index: { byteStart: 6, byteEnd: 7 + visitor.length }, features: [{ $type: 'app.bsky.richtext.facet#mention', did: me.did }] }] })
await create(alice, 'feed.threadgate', { post: hello.uri, hiddenReplies: [rude.uri] }, hello.uri.split('/').pop())
const follow = await me.follow(alice.did)
for (const agent of [bob, carol]) await agent.follow(alice.did)
for (const other of [bob, carol]) await alice.follow(other.did)
await alice.follow(me.did)
await bob.follow(carol.did)
for (const agent of [me, bob, carol]) await agent.like(hello.uri, hello.cid)
for (const agent of [me, bob]) await agent.repost(hello.uri, hello.cid)
const [myself] = (await me.getAuthorFeed({ actor: me.did, filter: 'posts_no_replies' })).data.feed.filter((item) => !item.reason)
await alice.like(myself.post.uri, myself.post.cid)
await me.app.bsky.graph.block.create({ repo: me.did }, { subject: blocked.did, createdAt: now() })
await create(blocker, 'graph.block', { subject: me.did })
const lists = []
for (const [owner, purpose] of [[me, 'curatelist'], [me, 'modlist'], [carol, 'modlist'], [carol, 'modlist']]) {
  const list = await create(owner, 'graph.list', { name: `People of ${word}`, purpose: `app.bsky.graph.defs#${purpose}` })
  for (const { did } of purpose === 'modlist' ? [blocked] : [alice, bob, carol]) await create(owner, 'graph.listitem', { list, subject: did })
  lists.push(list)
}
const [friends, own, mutedBy, blockedBy] = lists
const pack = await create(me, 'graph.starterpack', { name: `Bakers of ${word}`, list: friends })
await create(me, 'graph.starterpack', { name: `More bakers of ${word}`, list: friends })
await create(me, 'graph.listblock', { subject: blockedBy })
const mine = await create(me, 'feed.generator', { did: services.feeds, displayName: `Feed of ${word}` }, 'bread')
await indexed()

// -- people ------------------------------------------------------------------------------------------------------------

const profile = (await actor.getProfile({ actor: alice.session.handle })).data
assert.deepEqual([profile.did, profile.displayName, profile.followersCount, profile.followsCount, profile.postsCount], [alice.did, `Alice ${word}`, 3, 3, 2])
assert.deepEqual([profile.viewer.following, profile.viewer.muted, profile.viewer.blockedBy], [follow.uri, false, false])
assert.ok(profile.viewer.followedBy)
assert.deepEqual(dids((await actor.getProfiles({ actors: [bob.did, me.did, NOBODY, alice.session.handle] })).data.profiles), [bob.did, me.did, alice.did])
const suggested = dids((await actor.getSuggestions()).data.actors)
assert.ok(suggested.length > 0)
const follows = dids((await graph.getFollows({ actor: me.did, limit: 100 })).data.follows)
assert.equal(follows[0], alice.did)
for (const did of [me.did, blocked.did, blocker.did, ...follows]) assert.ok(!suggested.includes(did))
assert.deepEqual(dids((await actor.searchActors({ q: `Alice ${word}` })).data.actors), [alice.did])
assert.deepEqual(dids((await actor.searchActors({ q: 'bake bread' })).data.actors), [alice.did])
assert.deepEqual(dids((await actor.searchActorsTypeahead({ q: word.slice(0, 9) })).data.actors), [alice.did])
const preferences = [{ $type: 'app.bsky.actor.defs#interestsPref', tags: ['bread'] }]
await actor.putPreferences({ preferences })
assert.deepEqual((await actor.getPreferences()).data.preferences, preferences)
assert.deepEqual((await ageassurance.getConfig()).data.regions, [])
assert.equal((await ageassurance.getState({ countryCode: 'PT' })).data.state.access, 'full')
assert.equal((await unspecced.getAgeAssuranceState()).data.status, 'unknown')
assert.equal((await unspecced.getConfig()).data.checkEmailConfirmed, false)
for (const ask of ['getSuggestedUsers', 'getSuggestedUsersForDiscover', 'getSuggestedUsersForExplore', 'getSuggestedUsersForSeeMore', 'getSuggestedOnboardingUsers']) {
  const { actors } = (await unspecced[ask]({ limit: 20 })).data
  assert.ok(actors.length > 0 && !dids(actors).includes(me.did), ask)
}
assert.deepEqual(dids((await unspecced.getSuggestedUsers({ category: 'bread' })).data.actors).filter((did) => did === alice.did), [])
const [labels] = (await labeler.getServices({ dids: [services.labeler], detailed: true })).data.views
assert.deepEqual([labels.$type, labels.creator.did], ['app.bsky.labeler.defs#labelerViewDetailed', services.labeler])

// -- who stands how to whom --------------------------------------------------------------------------------------------

assert.deepEqual(dids((await graph.getFollowers({ actor: alice.did })).data.followers), [carol.did, bob.did, me.did])
assert.equal((await graph.getFollowers({ actor: me.did, sort: 'top' })).data.subject.did, me.did)
assert.deepEqual(dids((await graph.getKnownFollowers({ actor: bob.did })).data.followers), [alice.did])
const [toAlice, toNobody] = (await graph.getRelationships({ actor: me.did, others: [alice.did, NOBODY] })).data.relationships
assert.deepEqual([toAlice.following, toNobody.notFound], [follow.uri, true])
assert.deepEqual(dids((await graph.getBlocks()).data.blocks), [blocked.did])
assert.deepEqual(dids((await graph.getSuggestedFollowsByActor({ actor: alice.did })).data.suggestions), [carol.did])
for (const subject of [bob, carol]) await graph.muteActor({ actor: subject.did })
assert.deepEqual(dids((await graph.getMutes()).data.mutes), [carol.did, bob.did])
for (const subject of [bob, carol]) await graph.unmuteActor({ actor: subject.did })
assert.deepEqual((await graph.getMutes()).data.mutes, [])
await graph.muteActor({ actor: carol.did })
await graph.muteActorList({ list: mutedBy })
assert.deepEqual(uris((await graph.getListMutes()).data.lists), [mutedBy])
assert.deepEqual(uris((await graph.getListBlocks()).data.lists), [blockedBy])
assert.deepEqual(uris((await graph.getLists({ actor: me.did })).data.lists), [own, friends])
assert.deepEqual(uris((await graph.getLists({ actor: me.did, purposes: ['modlist'] })).data.lists), [own])
const listed = (await graph.getList({ list: friends })).data
assert.deepEqual([listed.list.listItemCount, listed.items.map(({ subject }) => subject.did)], [3, [carol.did, bob.did, alice.did]])
const memberships = (await graph.getListsWithMembership({ actor: carol.did })).data.listsWithMembership
assert.deepEqual(memberships.map(({ list, listItem }) => [list.uri, listItem?.subject.did]), [[own, undefined], [friends, carol.did]])

// -- starter packs -----------------------------------------------------------------------------------------------------

assert.deepEqual((await graph.getStarterPack({ starterPack: pack })).data.starterPack.list.uri, friends)
assert.deepEqual(uris((await graph.getStarterPacks({ uris: [pack] })).data.starterPacks), [pack])
assert.equal((await graph.getActorStarterPacks({ actor: me.did })).data.starterPacks.length, 2)
assert.ok((await graph.getStarterPacksWithMembership({ actor: bob.did })).data.starterPacksWithMembership.every(({ listItem }) => listItem.subject.did === bob.did))
assert.equal((await graph.searchStarterPacks({ q: word })).data.starterPacks.length, 2)
assert.equal((await graph.searchStarterPacksV2({ q: word })).data.starterPacks.length, 2)
for (const ask of ['getSuggestedStarterPacks', 'getOnboardingSuggestedStarterPacks']) assert.ok(Array.isArray((await unspecced[ask]()).data.starterPacks))

// -- posts and feeds ---------------------------------------------------------------------------------------------------

const like = (await feed.getLikes({ uri: hello.uri })).data
assert.deepEqual(dids(like.likes.map(({ actor }) => actor)), [carol.did, bob.did, me.did])
assert.deepEqual(dids((await feed.getRepostedBy({ uri: hello.uri })).data.repostedBy), [bob.did, me.did])
assert.deepEqual(uris((await feed.getQuotes({ uri: hello.uri })).data.posts), [quote.uri])
const [post] = (await feed.getPosts({ uris: [hello.uri] })).data.posts
assert.deepEqual([post.likeCount, post.repostCount, post.replyCount, post.quoteCount], [3, 2, 2, 1])
assert.ok(post.viewer.like && post.viewer.repost && post.threadgate)
const { thread } = (await feed.getPostThread({ uri: answer.uri })).data
assert.deepEqual([thread.post.uri, thread.parent.post.uri], [answer.uri, hello.uri])
const flat = (await unspecced.getPostThreadV2({ anchor: hello.uri })).data
assert.deepEqual([uris(flat.thread), flat.hasOtherReplies], [[hello.uri, answer.uri], true])
for (const sort of ['newest', 'oldest', 'top']) assert.equal((await unspecced.getPostThreadV2({ anchor: answer.uri, sort })).data.thread[0].depth, -1)
const others = (await unspecced.getPostThreadOtherV2({ anchor: hello.uri })).data.thread
assert.deepEqual([uris(others), others[0].value.hiddenByThreadgate], [[rude.uri], true])
const home = (await feed.getTimeline()).data.feed
assert.ok(home.every(({ post, reason }) => [me.did, ...follows].includes(reason?.by.did ?? post.author.did)))
assert.ok(home.length > 5 && home.some(({ post }) => post.uri === linked.uri))
assert.deepEqual(uris((await feed.getActorLikes({ actor: me.did, limit: 1 })).data.feed.map(({ post }) => post)), [hello.uri])
for (const [filter, shown] of Object.entries({
  posts_with_replies: ['post'], posts_no_replies: ['post'], posts_and_author_threads: ['post'], posts_with_media: [], posts_with_video: [],
})) {
  const items = (await feed.getAuthorFeed({ actor: alice.did, filter, includePins: true })).data.feed
  assert.deepEqual(uris(items.map(({ post }) => post)), shown.length ? [linked.uri, hello.uri] : [], filter)
}
assert.deepEqual(uris((await feed.getListFeed({ list: friends })).data.feed.map(({ post }) => post)), uris([linked, quote, answer, hello])) // carol is muted
const described = (await feed.describeFeedGenerator()).data
assert.equal(described.did, services.feeds)
for (const uri of [DISCOVER, ...uris(described.feeds)]) {
  const items = (await feed.getFeed({ feed: uri })).data.feed
  assert.ok(items.length > 0 && items.every(({ feedContext }) => feedContext), uri)
  assert.ok((await feed.getFeedGenerator({ feed: uri })).data.isOnline)
  if (uri !== DISCOVER) assert.ok((await feed.getFeedSkeleton({ feed: uri })).data.feed.length > 0)
}
assert.deepEqual(uris((await feed.getFeedGenerators({ feeds: [mine, DISCOVER] })).data.feeds), [mine, DISCOVER])
assert.deepEqual(uris((await feed.getActorFeeds({ actor: me.did })).data.feeds), [mine])
assert.deepEqual(uris((await unspecced.getPopularFeedGenerators({ query: word })).data.feeds), [mine])
for (const ask of [feed.getSuggestedFeeds, unspecced.getSuggestedFeeds, unspecced.getPopularFeedGenerators]) {
  assert.ok(uris((await ask.call(ask === feed.getSuggestedFeeds ? feed : unspecced, { limit: 25 })).data.feeds).includes(described.feeds[0].uri))
}
const interaction = { item: hello.uri, event: 'app.bsky.feed.defs#interactionSeen' }
await feed.sendInteractions({ interactions: [interaction] })

// -- found again -------------------------------------------------------------------------------------------------------

const old = async (given) => uris((await feed.searchPosts({ q: word, ...given })).data.posts)
const found = async (given) => uris((await feed.searchPostsV2({ query: word, ...given })).data.posts).sort()
const all = uris([hello, answer, rude, quote])
assert.deepEqual(await old({}), [...all].reverse())
assert.equal((await old({ sort: 'top' }))[0], hello.uri)
assert.deepEqual(await old({ author: bob.did, lang: 'en', tag: [word] }), uris([quote, answer]))
assert.deepEqual(await old({ q: 'look', mentions: me.did, domain: 'example.com', url: link.external.uri }), [linked.uri])
assert.deepEqual(await found({}), [...all].sort())
for (const [given, wanted] of [
  [{ authors: [alice.did] }, [hello]],
  [{ excludeAuthors: [alice.did, carol.did] }, [answer, quote]],
  [{ excludeReplies: true }, [hello, quote]],
  [{ repliesOnly: true }, [answer, rude]],
  [{ replyParentUri: hello.uri, following: true }, []],
  [{ threadRootUri: hello.uri, hashtags: [word], languages: ['en'] }, [answer, rude]],
  [{ embeddedAtUris: [hello.uri] }, [quote]],
  [{ hasMedia: true }, []],
  [{ excludeHashtags: [word] }, []],
  [{ query: 'look', mentions: [me.did], domains: ['example.com'], since: '2020-01-01T00:00:00Z' }, [linked]],
]) assert.deepEqual(await found(given), uris(wanted).sort(), JSON.stringify(given))

// -- what people talk about --------------------------------------------------------------------------------------------

await me.post(said('I too'))
const trend = (await unspecced.getTrends()).data.trends.find(({ topic }) => topic === word)
assert.deepEqual([trend.postCount, dids(trend.actors)], [4, dids([me, bob, alice])])
const { topics, suggested: beside } = (await unspecced.getTrendingTopics()).data
assert.ok(topics.some(({ link }) => link === `/hashtag/${word}`) && beside.length > 0)

// -- what only the member sees -----------------------------------------------------------------------------------------

for (const { uri, cid } of [hello, answer, quote]) await bookmark.createBookmark({ uri, cid })
assert.deepEqual((await bookmark.getBookmarks()).data.bookmarks.map(({ subject }) => subject.uri), uris([quote, answer, hello]))
await graph.muteThread({ root: hello.uri })
assert.ok((await feed.getPosts({ uris: [answer.uri] })).data.posts[0].viewer.threadMuted)
await graph.unmuteThread({ root: hello.uri })
const drafts = []
for (const text of ['one', 'two', 'three']) drafts.push((await draft.createDraft({ draft: { posts: [{ text }] } })).data.id)
await draft.updateDraft({ draft: { id: drafts[0], draft: { posts: [{ text: 'one, better' }] } } })
assert.deepEqual((await draft.getDrafts()).data.drafts.map(({ draft }) => draft.posts[0].text), ['one, better', 'three', 'two'])
const wanted = { post: true, reply: false }
for (const { did } of [alice, bob]) await notification.putActivitySubscription({ subject: did, activitySubscription: wanted })
assert.deepEqual(dids((await notification.listActivitySubscriptions()).data.subscriptions), [bob.did, alice.did])
await notification.putPreferencesV2({ like: { include: 'follows', list: true, push: false } })
assert.equal((await notification.getPreferences()).data.preferences.like.include, 'follows')
const news = await alice.post({ text: 'news' })
await indexed()
const notices = (await notification.listNotifications({ limit: 100 })).data.notifications
for (const [reason, uri] of [['subscribed-post', news.uri], ['mention', linked.uri]]) {
  assert.ok(notices.some((one) => one.reason === reason && one.uri === uri), reason)
}
const likes = (await notification.listNotifications({ reasons: ['like'] })).data.notifications
assert.deepEqual([likes[0].author.did, likes[0].reasonSubject, likes[0].isRead], [alice.did, myself.post.uri, false])
assert.ok((await notification.getUnreadCount()).data.count >= 4)

// -- the same again, as a stranger and page by page --------------------------------------------------------------------

const stranger = new AtpAgent({ service: url })
let pages = 0
for (const [nsid, params] of noting.asked()) {
  if (members.includes(nsid)) await mustRefuse(stranger.call(nsid, params), 'AuthMissing')
  else await stranger.call(nsid, params)
  pages += await inPages(me, nsid, params)
}

// -- taken back --------------------------------------------------------------------------------------------------------

await notification.updateSeen({ seenAt: now() })
assert.equal((await notification.getUnreadCount()).data.count, 0)
await graph.unmuteActor({ actor: carol.did })
await graph.unmuteActorList({ list: mutedBy })
await bookmark.deleteBookmark({ uri: hello.uri })
await draft.deleteDraft({ id: drafts[1] })
const left = [(await graph.getMutes()).data.mutes, (await graph.getListMutes()).data.lists, (await bookmark.getBookmarks()).data.bookmarks, (await draft.getDrafts()).data.drafts]
assert.deepEqual(left.map(({ length }) => length), [0, 0, 2, 2])

// -- refused -----------------------------------------------------------------------------------------------------------

await mustRefuse(actor.getProfile({ actor: NOBODY }), 'InvalidRequest')
await mustRefuse(feed.getTimeline({ algorithm: 'magic' }), 'InvalidRequest')
await mustRefuse(feed.getAuthorFeed({ actor: blocked.did }), 'BlockedActor')
await mustRefuse(feed.getAuthorFeed({ actor: blocker.did }), 'BlockedByActor')
await mustRefuse(feed.getActorLikes({ actor: alice.did }), 'InvalidRequest') // one's own are shown and no others
for (const ask of [feed.getFeed, feed.getFeedSkeleton]) await mustRefuse(ask.call(feed, { feed: mine }), 'UnknownFeed')
await mustRefuse(feed.getListFeed({ list: `at://${NOBODY}/app.bsky.graph.list/none` }), 'UnknownList')
await mustRefuse(feed.getPostThread({ uri: `at://${NOBODY}/app.bsky.feed.post/none` }), 'NotFound')
await mustRefuse(feed.searchPosts({ q: '""' }), 'BadQueryString')
await mustRefuse(feed.searchPostsV2({ query: '' }), 'BadQueryString')
await mustRefuse(graph.getRelationships({ actor: NOBODY }), 'ActorNotFound')
await mustRefuse(bookmark.createBookmark({ uri: friends, cid: hello.cid }), 'UnsupportedCollection')
await mustRefuse(bookmark.deleteBookmark({ uri: friends }), 'UnsupportedCollection')
const long = { posts: Array(90).fill({ text: '👩‍👩‍👧‍👧'.repeat(399) }) }
await mustRefuse((async () => { for (;;) await draft.createDraft({ draft: long }) })(), 'DraftLimitReached')
const device = { serviceDid: services.appview, token: 'a', platform: 'ios', appId: 'a' }
for (const nsid of refused) {
  const given = nsid.startsWith('app.bsky.video.upload') ? new Uint8Array(1) : nsid.endsWith('egisterPush') ? device : undefined
  await mustRefuse(me.call(nsid, {}, given), 'MethodNotImplemented')
}

const not = (names, from) => names.filter((name) => !from.has(name))
tell({
  undriven: not(answered, noting.answered),
  unrefused: not(refused.map((nsid) => `${nsid} MethodNotImplemented`), noting.refused),
  unmet: not(refusals(answered), noting.refused),
  unknown: not(every, new Set([...answered, ...refused])),
  pages,
})

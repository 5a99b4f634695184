// Feeds read by the official client, each item held against the client's own lexicons. argv[2] is the network's URL.
import { AppBskyFeedDefs } from '@atproto/api'
import { apply, indexed, join, post, tell, write } from './people.mjs'

const DISCOVER = 'at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/whats-hot'
const alice = await join()
await apply(alice, write.create('app.bsky.feed.post', post('hello from a client')))
await indexed()

const popular = await alice.app.bsky.unspecced.getPopularFeedGenerators({})
const uris = [DISCOVER, ...popular.data.feeds.map((feed) => feed.uri)]
const { feeds } = (await alice.app.bsky.feed.getFeedGenerators({ feeds: uris })).data
const items = []
for (const feed of uris) {
  const answer = await alice.app.bsky.feed.getFeed({ feed, limit: 1 })
  items.push(...answer.data.feed)
}
tell({
  asked: uris.length,
  known: feeds.map((feed) => feed.uri).includes(DISCOVER),
  views: feeds.every((view) => AppBskyFeedDefs.validateGeneratorView(view).success),
  items: items.length > 0 && items.every((item) => AppBskyFeedDefs.validateFeedViewPost(item).success),
  reasons: items.every((item) => item.feedContext.length > 0),
})

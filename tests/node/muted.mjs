// Says of each {word, text, lang} on standard input whether the official client finds the muted word in the text.
import { hasMutedWord } from '@atproto/api'
import { readFileSync } from 'node:fs'

const muted = (word) => [{ value: word, targets: ['content', 'tag'], actorTarget: 'all' }]
const asked = JSON.parse(readFileSync(0, 'utf8'))
const found = asked.map(({ word, text, lang }) => hasMutedWord({ mutedWords: muted(word), text, languages: [lang] }))
console.log(JSON.stringify(found))

"""OAuth by the AT Protocol's profile: who may act for a member, what they may do, how they prove it. Knows no HTTP."""

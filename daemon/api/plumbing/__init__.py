"""Under every call: connections, who asks and whether they may, routes, replies, streams, the document."""

import Observation
import PushAuthenticator

/// Settled sign-ons, newest first, a page at a time.
@MainActor @Observable
public final class HistoryModel {
    public private(set) var entries: [SignOnRequest] = []
    public private(set) var hasMore = true
    public private(set) var failure: Failure?
    private let services: Services
    private let pageSize: UInt32

    public init(_ services: Services, pageSize: UInt32 = 50) {
        self.services = services
        self.pageSize = pageSize
    }

    /// Starts over with the newest.
    public func load() async {
        (entries, hasMore) = ([], true)
        await loadMore()
    }

    public func loadMore() async {
        guard hasMore else { return }
        let (limit, offset) = (pageSize, UInt32(entries.count))
        do {
            let page = try await services.phone.call { try $0.history(limit: limit, offset: offset) }
            // Another load may have been faster.
            guard entries.count == Int(offset) else { return }
            entries += page
            hasMore = page.count == Int(limit)
            failure = nil
        } catch {
            failure = Failure(error)
        }
    }
}

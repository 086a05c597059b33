import Foundation

/// Counts changes and wakes who waits for the next one. Knows nothing of what changed.
final class Changes: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0
    private var ended = false
    private var nextWaiter = 0
    private var waiters: [Int: CheckedContinuation<Void, Never>] = [:]

    /// How many there were; nothing at the end.
    var version: Int? { lock.withLock { ended ? nil : count } }

    func announce() { wake { count += 1 } }

    func end() { wake { ended = true } }

    /// Waits for a change after `version`, for the end, or for this task's cancellation; but no longer than this.
    func wait(after version: Int, atMost: Duration?) async {
        guard let atMost else { return await wait(after: version) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait(after: version) }
            group.addTask { try? await Task.sleep(for: atMost) }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait(after version: Int) async {
        let waiter = lock.withLock {
            nextWaiter += 1
            return nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = lock.withLock {
                    // Looked at under the lock: a cancellation comes either before this, or finds the waiter.
                    if count != version || ended || Task.isCancelled { return true }
                    waiters[waiter] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            lock.withLock { waiters.removeValue(forKey: waiter) }?.resume()
        }
    }

    private func wake(_ change: () -> Void) {
        let woken = lock.withLock {
            change()
            defer { waiters = [:] }
            return waiters.values
        }
        woken.forEach { $0.resume() }
    }
}

/// A value behind a lock.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<T>(_ work: (inout Value) throws -> T) rethrows -> T {
        try lock.withLock { try work(&value) }
    }
}

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

/// Lets calls of the core begin, or has them wait. Knows nothing of what they do.
final class Gate: Sendable {
    private struct State {
        var isOpen = true
        /// Open for good.
        var isEnded = false
        var inside = 0
        var before: [CheckedContinuation<Void, Never>] = []
        /// Who waits for the last one inside.
        var outside: [CheckedContinuation<Void, Never>] = []

        /// Those who need not wait any more.
        mutating func released() -> [CheckedContinuation<Void, Never>] {
            var released: [CheckedContinuation<Void, Never>] = []
            if isOpen { swap(&released, &before) }
            if isOpen || inside == 0 {
                released += outside
                outside = []
            }
            return released
        }
    }

    private let state = Locked(State())

    func open() { change { $0.isOpen = true } }
    func close() { change { $0.isOpen = $0.isEnded } }
    func end() { change { ($0.isOpen, $0.isEnded) = (true, true) } }
    func leave() { change { $0.inside -= 1 } }

    func enter() async {
        while !state.withLock({ state in
            if state.isOpen { state.inside += 1 }
            return state.isOpen
        }) {
            await wait { $0.isOpen } among: { $0.before.append($1) }
        }
    }

    func waitUntilEmpty() async { await wait { $0.isOpen || $0.inside == 0 } among: { $0.outside.append($1) } }

    private func wait(until isOver: (State) -> Bool, among: (inout State, CheckedContinuation<Void, Never>) -> Void) async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if isOver(state) { return true }
                among(&state, continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    private func change(_ change: (inout State) -> Void) {
        let released = state.withLock { state in
            change(&state)
            return state.released()
        }
        released.forEach { $0.resume() }
    }
}

import Foundation

/// Counts changes and wakes the tasks that wait for the next one. Independent of what changed.
final class Changes: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0
    private var ended = false
    private var nextWaiter = 0
    private var waiters: [Int: CheckedContinuation<Void, Never>] = [:]

    /// The number of changes so far, or nil after the end.
    var version: Int? { lock.withLock { ended ? nil : count } }

    func announce() { wake { count += 1 } }

    func end() { wake { ended = true } }

    /// Waits for a change after `version`, for the end, or for this task's cancellation, but no longer than `atMost`.
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
                    // Checked under the lock: a cancellation either precedes this or finds the waiter.
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

/// A value protected by a lock.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<T>(_ work: (inout Value) throws -> T) rethrows -> T {
        try lock.withLock { try work(&value) }
    }
}

/// Lets calls of the core begin, or makes them wait. Independent of what the calls do.
final class Gate: Sendable {
    private struct State {
        var isOpen = true
        /// Open permanently.
        var isEnded = false
        var inside = 0
        var before: [CheckedContinuation<Void, Never>] = []
        /// Tasks that wait until the last call has left.
        var outside: [CheckedContinuation<Void, Never>] = []

        /// Removes and returns the tasks that no longer need to wait.
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

import PushAuthenticator

/// Decides when the app may use its vault: in front, and afterwards for as long as something that has to come to its end is
/// under way and the system grants time for it. The vault is in a container that the app shares with its extension, and the
/// system ends an app that it suspends while a file there is in use. Knows nothing of what is under way, and no UIKit.
@MainActor public final class BackgroundWork {
    private let time: (any BackgroundTime)?
    private var phone: Phone?
    private var isInFront = false
    private var underway = 0
    /// What the system granted, by its name for it.
    private var granted: Int?
    /// Counts beginnings, so that an end does not take from what began since.
    private var beginnings = 0

    /// - Parameter time: nothing where no system suspends the app
    public nonisolated init(_ time: (any BackgroundTime)? = nil) { self.time = time }

    /// The vault was opened.
    func hold(_ phone: Phone) { self.phone = phone }

    /// The app came to the front: what waited goes on.
    func enterFront() {
        isInFront = true
        begin()
        release()
    }

    /// The app left the front. The system may suspend it once nothing is under way.
    ///
    /// - Parameter work: what leaving takes; there is always time for that
    func leaveFront(after work: Task<Void, Never>) {
        isInFront = false
        begin()
        ask()
        underway += 1
        Task {
            await work.value
            // Without more time all else waits for the front.
            if granted == nil, !isInFront { await rest() }
            await finish()
        }
    }

    /// Brings something to its end, also where the app leaves the front meanwhile, or is not there.
    func run<T: Sendable>(_ work: () async throws -> T) async rethrows -> T {
        begin()
        underway += 1
        // Without a grant there is the time that the system woke the app for.
        if !isInFront { ask() }
        do {
            let result = try await work()
            await finish()
            return result
        } catch {
            await finish()
            throw error
        }
    }

    private func begin() {
        beginnings += 1
        phone?.resume()
    }

    private func finish() async {
        underway -= 1
        if underway == 0, !isInFront { await rest() }
    }

    private func ask() {
        guard let time, granted == nil else { return }
        granted = time.begin { [weak self] in self?.expire() }
    }

    /// The time is over, whether the work is or not: no call begins from here on, and what is left goes on when the app is in
    /// front again, or the system wakes it.
    private func expire() {
        guard let time, let granted else { return }
        self.granted = nil
        phone?.pause()
        Task { [phone] in
            await phone?.rested()
            time.end(granted)
        }
    }

    /// Has calls wait, and lets the system suspend the app once none runs.
    private func rest() async {
        guard time != nil else { return }
        let own = beginnings
        phone?.pause()
        await phone?.rested()
        if own == beginnings { release() }
    }

    private func release() {
        guard let granted else { return }
        self.granted = nil
        time?.end(granted)
    }
}

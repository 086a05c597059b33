import PushAuthenticator

/// Decides when the app may use its vault: in the foreground, and afterwards for as long as unfinished work is under
/// way and the system grants time for it. The vault is in a container that the app shares with its extension, and the
/// system kills an app that it suspends while a file there is in use. Independent of the work and of UIKit.
@MainActor public final class BackgroundWork {
    private let time: (any BackgroundTime)?
    private var phone: Phone?
    private var isInFront = false
    private var underway = 0
    /// The system's identifier for the granted time.
    private var granted: Int?
    /// Counts starts, so that an end does not affect work that started since.
    private var beginnings = 0

    /// - Parameter time: nil where no system suspends the app
    public nonisolated init(_ time: (any BackgroundTime)? = nil) { self.time = time }

    /// Registers the opened vault.
    func hold(_ phone: Phone) { self.phone = phone }

    /// The app came to the foreground: waiting calls continue.
    func enterFront() {
        isInFront = true
        begin()
        release()
    }

    /// The app left the foreground. The system may suspend it once nothing is under way.
    ///
    /// - Parameter work: work caused by leaving; there is always time for it
    func leaveFront(after work: Task<Void, Never>) {
        isInFront = false
        begin()
        ask()
        underway += 1
        Task {
            await work.value
            // Without granted time, everything else waits until the app is in the foreground again.
            if granted == nil, !isInFront { await rest() }
            await finish()
        }
    }

    /// Runs work to completion, even if the app leaves the foreground meanwhile or is not in it.
    func run<T: Sendable>(_ work: () async throws -> T) async rethrows -> T {
        begin()
        underway += 1
        // Without a grant, there is still the time for which the system woke the app.
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

    /// The time is over, whether or not the work is: no call begins from here on. The rest continues when the app is in
    /// the foreground again, or when the system wakes it.
    private func expire() {
        guard let time, let granted else { return }
        self.granted = nil
        phone?.pause()
        Task { [phone] in
            await phone?.rested()
            time.end(granted)
        }
    }

    /// Makes calls wait, and lets the system suspend the app once none is running.
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

import AuthenticatorModels
import UIKit

/// The time that iOS grants an app that left the foreground.
@MainActor final class SystemTime: BackgroundTime {
    nonisolated init() {}

    func begin(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int? {
        // Called on the main thread, whatever some versions of the system's headers say.
        let task = UIApplication.shared.beginBackgroundTask(withName: "exchanges") { MainActor.assumeIsolated(expired) }
        return task == .invalid ? nil : task.rawValue
    }

    func end(_ granted: Int) { UIApplication.shared.endBackgroundTask(UIBackgroundTaskIdentifier(rawValue: granted)) }
}

import AuthenticatorModels
import UIKit

/// The time that iOS grants an app that left the front.
@MainActor final class SystemTime: BackgroundTime {
    nonisolated init() {}

    func begin(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int? {
        // It is called on the main thread, whatever a version of the system's headers says.
        let task = UIApplication.shared.beginBackgroundTask(withName: "exchanges") { MainActor.assumeIsolated(expired) }
        return task == .invalid ? nil : task.rawValue
    }

    func end(_ granted: Int) { UIApplication.shared.endBackgroundTask(UIBackgroundTaskIdentifier(rawValue: granted)) }
}

#if canImport(BackgroundTasks)
import BackgroundTasks
import Foundation

/// Has the system wake the app now and then, to send what waits and to ask for what is pending. Does not know how.
public enum BackgroundRefresh {
    /// As in the app's property list.
    public static let identifier = "org.pushauthenticator.refresh"
    private static let pause: TimeInterval = 15 * 60

    /// To be called before the app finished launching.
    public static func register(_ work: @escaping @Sendable () async -> Bool) {
        _ = BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: nil) { task in
            schedule()
            let handed = Handed(task: task)
            let running = Task { handed.task.setTaskCompleted(success: await work()) }
            task.expirationHandler = { running.cancel() }
        }
    }

    /// Asks for the next time. The system may refuse, for instance in a simulator; then the app refreshes when it is opened.
    public static func schedule() {
        let request = BGAppRefreshTaskRequest(identifier: identifier)
        request.earliestBeginDate = Date(timeIntervalSinceNow: pause)
        try? BGTaskScheduler.shared.submit(request)
    }

    /// The system's task may be completed on any thread.
    private struct Handed: @unchecked Sendable { let task: BGTask }
}
#endif

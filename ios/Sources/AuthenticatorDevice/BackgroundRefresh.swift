#if canImport(BackgroundTasks)
import BackgroundTasks
import Foundation

/// Asks the system to wake the app occasionally to send and to fetch. Independent of how that is done.
public enum BackgroundRefresh {
    /// As in the app's property list.
    public static let identifier = "org.pushauthenticator.refresh"
    private static let pause: TimeInterval = 15 * 60

    /// Registers the work. Must be called before the app has finished launching.
    public static func register(_ work: @escaping @Sendable () async -> Bool) {
        _ = BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: nil) { task in
            schedule()
            let handed = Handed(task: task)
            let running = Task { handed.task.setTaskCompleted(success: await work()) }
            task.expirationHandler = { running.cancel() }
        }
    }

    /// Requests the next wake-up. If the system rejects the request, as in a simulator, the app refreshes when it is
    /// opened.
    public static func schedule() {
        let request = BGAppRefreshTaskRequest(identifier: identifier)
        request.earliestBeginDate = Date(timeIntervalSinceNow: pause)
        try? BGTaskScheduler.shared.submit(request)
    }

    /// The system's task may be completed on any thread.
    private struct Handed: @unchecked Sendable { let task: BGTask }
}
#endif

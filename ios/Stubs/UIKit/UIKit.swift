// Stub for the parts of Apple's UIKit that the app uses, for systems without it. No screen is drawn. Everything belongs
// to the main actor, as in UIKit.
import AVFoundation
import Foundation

public struct UIBackgroundTaskIdentifier: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let invalid = Self(rawValue: 0)
}

@MainActor open class UIApplication {
    public struct LaunchOptionsKey: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    public static let shared = UIApplication()
    public nonisolated static let openSettingsURLString = "app-settings:", openNotificationSettingsURLString = "app-settings:notifications"
    public private(set) var isRegistered = false
    /// Grants that have not been returned, with the handlers for their expiry.
    public private(set) var backgroundTasks: [UIBackgroundTaskIdentifier: (@MainActor @Sendable () -> Void)?] = [:]
    public private(set) var begun = 0
    /// Whether the system grants time.
    public var grantsTime = true

    public func registerForRemoteNotifications() { isRegistered = true }

    public func beginBackgroundTask(
        withName _: String?, expirationHandler handler: (@MainActor @Sendable () -> Void)? = nil
    ) -> UIBackgroundTaskIdentifier {
        guard grantsTime else { return .invalid }
        begun += 1
        let task = UIBackgroundTaskIdentifier(rawValue: begun)
        backgroundTasks[task] = handler
        return task
    }

    public func endBackgroundTask(_ task: UIBackgroundTaskIdentifier) { backgroundTasks[task] = nil }
}

/// All are optional in UIKit.
@MainActor public protocol UIApplicationDelegate: AnyObject {
    func application(_ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?) -> Bool
    func application(_ application: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken token: Data)
}

@MainActor open class UIDevice {
    public static let current = UIDevice()
    public let name = "Phone"
}

public final class UIColor: Sendable { public static let systemBackground = UIColor() }

@MainActor open class UIView {
    public init() {}
    open class var layerClass: AnyClass { CALayer.self }
    public var layer: CALayer { CALayer() }
}

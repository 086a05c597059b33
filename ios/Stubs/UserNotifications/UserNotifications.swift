// Stub for the parts of Apple's UserNotifications that the app and its extension use, for systems without it. Stores
// what it is given. Only what Apple's headers declare Sendable is Sendable here, and nothing belongs to an actor, so
// code that compiles against this passes nothing across actors.
import Foundation

open class UNNotificationContent {
    public var userInfo: [AnyHashable: Any] = [:]
    public init() {}
}

open class UNMutableNotificationContent: UNNotificationContent {
    public var title = "", subtitle = "", body = "", categoryIdentifier = ""
    public var sound: UNNotificationSound?
}

public final class UNNotificationSound {
    public nonisolated(unsafe) static let `default` = UNNotificationSound()
}

open class UNNotificationTrigger {}

open class UNNotificationRequest {
    public let identifier: String
    public let content: UNNotificationContent
    public init(identifier: String, content: UNNotificationContent, trigger _: UNNotificationTrigger?) {
        (self.identifier, self.content) = (identifier, content)
    }
}

open class UNNotification {
    public let request: UNNotificationRequest
    public init(_ request: UNNotificationRequest) { self.request = request }
}

open class UNUserNotificationCenter {
    private nonisolated(unsafe) static let only = UNUserNotificationCenter()
    private let lock = NSLock()
    private var delivered: [UNNotification] = []
    private var settings = UNNotificationSettings()
    private(set) public var categories: Set<UNNotificationCategory> = []
    public weak var delegate: (any UNUserNotificationCenterDelegate)?

    public static func current() -> UNUserNotificationCenter { only }

    /// Sets what the user allows.
    public func set(_ settings: UNNotificationSettings) { lock.withLock { self.settings = settings } }

    public func notificationSettings() async -> UNNotificationSettings { lock.withLock { settings } }
    public func requestAuthorization(options _: UNAuthorizationOptions = []) async throws -> Bool { true }
    public func setNotificationCategories(_ categories: Set<UNNotificationCategory>) { lock.withLock { self.categories = categories } }

    /// Shown immediately, replacing one with the same identifier.
    public func add(_ request: UNNotificationRequest) async throws {
        lock.withLock { delivered = delivered.filter { $0.request.identifier != request.identifier } + [UNNotification(request)] }
    }

    public func deliveredNotifications() async -> [UNNotification] { lock.withLock { delivered } }

    public func removeDeliveredNotifications(withIdentifiers identifiers: [String]) {
        lock.withLock { delivered.removeAll { identifiers.contains($0.request.identifier) } }
    }
}

public struct UNNotificationActionOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let authenticationRequired = Self(rawValue: 1)
    public static let destructive = Self(rawValue: 2)
}

open class UNNotificationAction {
    public let identifier: String, title: String
    public let options: UNNotificationActionOptions
    public init(identifier: String, title: String, options: UNNotificationActionOptions) {
        (self.identifier, self.title, self.options) = (identifier, title, options)
    }
}

public struct UNNotificationCategoryOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
}

open class UNNotificationCategory: Hashable {
    public let identifier: String
    public let actions: [UNNotificationAction]
    public init(identifier: String, actions: [UNNotificationAction], intentIdentifiers _: [String], options _: UNNotificationCategoryOptions = []) {
        (self.identifier, self.actions) = (identifier, actions)
    }

    public static func == (left: UNNotificationCategory, right: UNNotificationCategory) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

public struct UNAuthorizationOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let sound = Self(rawValue: 2)
    public static let alert = Self(rawValue: 4)
}

public enum UNAuthorizationStatus: Int, Sendable { case notDetermined, denied, authorized, provisional, ephemeral }
public enum UNNotificationSetting: Int, Sendable { case notSupported, disabled, enabled }

open class UNNotificationSettings {
    public let authorizationStatus: UNAuthorizationStatus
    public let alertSetting, lockScreenSetting, notificationCenterSetting: UNNotificationSetting
    public init(
        _ status: UNAuthorizationStatus = .authorized, alert: UNNotificationSetting = .enabled, lockScreen: UNNotificationSetting = .enabled,
        center: UNNotificationSetting = .enabled
    ) {
        (authorizationStatus, alertSetting, lockScreenSetting, notificationCenterSetting) = (status, alert, lockScreen, center)
    }
}

public struct UNNotificationPresentationOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let sound = Self(rawValue: 2)
}

open class UNNotificationResponse {
    public let notification: UNNotification
    public let actionIdentifier: String
    public init(_ notification: UNNotification, _ actionIdentifier: String) {
        (self.notification, self.actionIdentifier) = (notification, actionIdentifier)
    }
}

/// Both are optional in UserNotifications.
public protocol UNUserNotificationCenterDelegate: AnyObject {
    func userNotificationCenter(
        _ center: UNUserNotificationCenter, willPresent notification: UNNotification,
        withCompletionHandler completionHandler: @escaping (UNNotificationPresentationOptions) -> Void)
    func userNotificationCenter(
        _ center: UNUserNotificationCenter, didReceive response: UNNotificationResponse,
        withCompletionHandler completionHandler: @escaping () -> Void)
}

open class UNNotificationServiceExtension: NSObject {
    open func didReceive(_ request: UNNotificationRequest, withContentHandler contentHandler: @escaping (UNNotificationContent) -> Void) {}
    open func serviceExtensionTimeWillExpire() {}
}

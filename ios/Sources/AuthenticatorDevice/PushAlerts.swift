#if canImport(UserNotifications)
import AuthenticatorModels
import Foundation
import PushAuthenticator
import UserNotifications

/// What the system shows for pushes.
public enum PushAlerts {
    public static let category = "org.pushauthenticator.request"
    public static let deny = "org.pushauthenticator.deny"
    /// The key of the request's id in a notification's user info.
    public static let requestId = "org.pushauthenticator.request-id"

    /// The kind of notification a sign-on request is: it can be denied at once, by who unlocks the device. Approving takes
    /// the app, where number and context are seen.
    public static func categories(_ text: (Words) -> String) -> Set<UNNotificationCategory> {
        let deny = UNNotificationAction(identifier: deny, title: text(.requestDeny), options: [.authenticationRequired, .destructive])
        return [UNNotificationCategory(identifier: category, actions: [deny], intentIdentifiers: [])]
    }

    /// Puts into a notification what may be seen on a lock screen, and takes out everything else: the signed message, too.
    public static func fill(_ content: UNMutableNotificationContent, with alert: PushIntake.Alert, _ text: (Words) -> String) {
        content.title = text(alert.title)
        content.subtitle = alert.subtitle ?? ""
        content.body = ""
        content.categoryIdentifier = alert.canDenyThere ? category : ""
        content.userInfo = alert.requestId.map { [requestId: $0] } ?? [:]
    }
}

/// The system's list of notifications, also those of pushes.
public struct SystemAlerts: AlertCenter {
    private let text: @Sendable (Words) -> String

    public init(_ text: @escaping @Sendable (Words) -> String) { self.text = text }

    public func areOff() async -> Bool {
        let settings = await UNUserNotificationCenter.current().notificationSettings()
        switch settings.authorizationStatus {
        case .notDetermined: return false
        case .denied: return true
        default:
            // Allowed, and every place where it could be seen was turned off one by one.
            return ![settings.alertSetting, settings.lockScreenSetting, settings.notificationCenterSetting].contains(.enabled)
        }
    }

    public func shown() async -> Set<String> { Set(await delivered().map(\.requestId)) }

    public func post(_ alert: PushIntake.Alert) async {
        let content = UNMutableNotificationContent()
        PushAlerts.fill(content, with: alert, text)
        content.sound = .default
        let request = UNNotificationRequest(identifier: alert.requestId ?? UUID().uuidString, content: content, trigger: nil)
        // Where the person allowed none, the request waits in the app.
        try? await UNUserNotificationCenter.current().add(request)
    }

    public func remove(_ requestIds: Set<String>) async {
        let identifiers = await delivered().filter { requestIds.contains($0.requestId) }.map(\.identifier)
        UNUserNotificationCenter.current().removeDeliveredNotifications(withIdentifiers: identifiers)
    }

    private func delivered() async -> [(identifier: String, requestId: String)] {
        await UNUserNotificationCenter.current().deliveredNotifications().compactMap { notification in
            let requestId = notification.request.content.userInfo[PushAlerts.requestId] as? String
            return requestId.map { (notification.request.identifier, $0) }
        }
    }
}

#endif

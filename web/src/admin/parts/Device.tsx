/** Pieces of a session's line that several pages have. */

import type { ReactNode } from "react";
import { useShared } from "../../react/context";
import { software, title } from "../../react/devices";
import { Icon } from "../../react/Icon";
import { useAdmin, useHref } from "../context";
import type { AdminRow } from "../wire";
import { country } from "../words";

export const whoseIs = (row: AdminRow): string =>
  row.user?.name || row.user?.email || row.user_id || "a visitor";

export function WhoCell({ row }: { row: AdminRow }): ReactNode {
  const href = useHref();
  if (!row.user_id) return "Visitor";
  const { user } = row;
  return (
    <>
      <a href={href(`/admin/users/${encodeURIComponent(row.user_id)}`)}>
        <bdi>{whoseIs(row)}</bdi>
      </a>
      {user?.name && user.email && (
        <small>
          <bdi>{user.email}</bdi>
        </small>
      )}
    </>
  );
}

export function DeviceCell({ row }: { row: AdminRow }): ReactNode {
  const { cx, t } = useShared();
  const { boot } = useAdmin();
  const { device, application_id: application, tenant_id: tenant } = row;
  const where = [
    software(device),
    application && (boot.applications[application] ?? application),
    tenant && (boot.tenants[tenant] ?? tenant),
  ].filter(Boolean);
  return (
    <div className={cx("device")}>
      <Icon name={device.kind} />
      <span className={cx("unseen")}>{t(`kind.${device.kind}`)}: </span>
      <div>
        <bdi>{title(device)}</bdi>
        {row.current && <span className={cx("badge", "current")}>This session</span>}
        {row.impersonated && <span className={cx("badge", "support")}>Acting for them</span>}
        {row.remember && <span className={cx("badge", "remembered")}>Remembered</span>}
        {where.length > 0 && (
          <small>
            {where.map((one) => (
              <bdi key={one}>{one} </bdi>
            ))}
          </small>
        )}
      </div>
    </div>
  );
}

export const placeOf = ({ place }: AdminRow): string => {
  const known = place && [place.city, place.country && country(place.country)].filter(Boolean).join(", ");
  return known ? `about ${known}` : "Location unknown";
};

export function AddressCell({ row }: { row: AdminRow }): ReactNode {
  return (
    <>
      <bdi>{row.ip ?? "No address"}</bdi>
      <small>
        <bdi>{placeOf(row)}</bdi>
      </small>
    </>
  );
}
